// Package hub is what ogen makes from the API document.
package hub
