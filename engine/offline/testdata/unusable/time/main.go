package main

import "time"

type Refused struct{}

func (m *Refused) Go(v time.Duration) {}
