package embedded

import (
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"
)

// limitFileSize makes writes beyond that many bytes of a file fail, until it is
// called with another bound.
func limitFileSize(bytes uint64) error {
	signal.Ignore(unix.SIGXFSZ)
	return limit(unix.RLIMIT_FSIZE, bytes)
}

// limitFiles makes opening a file fail that would get a number from this one on.
func limitFiles(number uint64) error { return limit(unix.RLIMIT_NOFILE, number) }

func limit(resource int, to uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(resource, &l); err != nil {
		return err
	}
	l.Cur = min(to, l.Max)
	return unix.Setrlimit(resource, &l)
}

// giveUpRights makes the superuser, whom permissions don't stop, someone else
// for the file system, in this goroutine.
func giveUpRights() error {
	if os.Geteuid() != 0 {
		return nil
	}
	runtime.LockOSThread()
	const nobody = 65534
	_, err := unix.SetfsuidRetUid(nobody)
	return err
}
