// Package hub is what oapi-codegen makes from the API document.
package hub
