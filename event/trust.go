package event

// Trust says whether something may have what the operator grants.
type Trust string

const (
	// TrustUnknown: the delivery does not prove it; it has to be asked for.
	TrustUnknown Trust = ""
	Trusted      Trust = "trusted"
	Untrusted    Trust = "untrusted"
)

// Lower is the lower of two: trusted only if both are.
func Lower(a, b Trust) Trust {
	if a == Trusted && b == Trusted {
		return Trusted
	}
	return Untrusted
}
