// Package engine runs functions of Dagger modules. It is the only package that
// knows the Dagger SDK.
package engine
