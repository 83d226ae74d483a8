// Loam is a self-hosted backend in one binary that speaks the Parse protocol.
package main

import "github.com/loam-baas/loam/api/loam"

func main() { loam.Main() }
