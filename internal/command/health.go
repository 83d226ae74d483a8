package command

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/loam-baas/loam/internal/config"
)

// healthTimeout bounds how long "loam health" waits for an answer.
const healthTimeout = 3 * time.Second

// health asks the server that the same configuration starts. It is for the
// health checks of containers that have no curl.
func (p *Program) health(ctx context.Context, args []string) error {
	flags := config.NewFlags("health")
	rest, err := flags.Parse(args)
	if err != nil {
		return err
	}
	e, err := p.load(flags, rest, false)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, healthURL(e.Process), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, body)
	}
	_, err = fmt.Fprintf(p.Stdout, "%s\n", body)
	return err
}

// healthURL is where the server answers on this machine.
func healthURL(p *config.Process) string {
	host := p.Host
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsUnspecified() {
		host = "127.0.0.1"
		if addr.Is6() {
			host = "::1"
		}
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(p.Port)) + p.MountPath + "/health"
}
