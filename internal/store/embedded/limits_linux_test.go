package embedded

import (
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"
)

// limitFileSize makes writes beyond that many bytes of a file fail.
func limitFileSize(bytes uint64) error {
	signal.Ignore(unix.SIGXFSZ)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: bytes})
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
