// Package config is Loam's configuration: one table of options, from which come
// flags, environment variables, configuration files, validation, the output of
// "loam config" and the reference docs/configuration.md.
//
// Options carry Parse Server's names, so that a deployment moves with its
// configuration. Flags go before the environment, the environment before the
// file, the file before the data directory's generated keys, and those before
// the defaults.
package config
