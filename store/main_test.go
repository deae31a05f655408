package store_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a store leaves something running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
