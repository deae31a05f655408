package trigger

import (
	"encoding/json"
	"fmt"
	"time"
)

// instant is a time in RFC 3339, empty if there is none. Code hosts write times
// in several ways, GitHub's push events some of them as seconds since 1970.
type instant string

// UnmarshalJSON takes RFC 3339, what GitHub's oldest events have, and seconds.
func (i *instant) UnmarshalJSON(raw []byte) error {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return err
	}
	switch value := value.(type) {
	case nil:
		return nil
	case float64:
		*i = instant(time.Unix(int64(value), 0).UTC().Format(time.RFC3339))
		return nil
	case string:
		return i.parse(value)
	}
	return fmt.Errorf("%s is not a time", raw)
}

func (i *instant) parse(text string) error {
	if text == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700"} {
		if at, err := time.Parse(layout, text); err == nil {
			*i = instant(at.Format(time.RFC3339Nano))
			return nil
		}
	}
	return fmt.Errorf("%q is not a time", text)
}
