package main

import "net/url"

type Refused struct{}

func (m *Refused) Go() *url.URL { return nil }
