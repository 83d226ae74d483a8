//go:build !linux

package embedded

import "errors"

func limitFileSize(uint64) error { return errors.ErrUnsupported }

func limitFiles(uint64) error { return errors.ErrUnsupported }

func giveUpRights() error { return errors.ErrUnsupported }
