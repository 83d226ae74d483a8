package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

func readPrefixes(value any) (any, error) {
	list := value.([]string)
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		p, err := parsePrefix(s)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// parsePrefix reads an address or a CIDR range. As in Parse Server, 0.0.0.0 and
// :: (also written ::0) stand for all addresses of their family.
func parsePrefix(s string) (netip.Prefix, error) {
	text := strings.TrimSpace(s)
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("must hold IP addresses and CIDR ranges, not %q", s)
	}
	if addr.IsUnspecified() {
		return netip.PrefixFrom(addr, 0), nil
	}
	return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
}

func readHost(value any) (any, error) {
	s := strings.Trim(value.(string), "[]")
	if s == "" {
		return nil, errEmpty
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return s, nil
	}
	if strings.ContainsAny(s, ":/ ") {
		return nil, fmt.Errorf("must be an IP address or a host name without a port, not %q", s)
	}
	return s, nil
}

// readAddress reads a host and a port. The port 0 lets the system choose one.
func readAddress(value any) (any, error) {
	s := value.(string)
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, fmt.Errorf("must be an address with a port, as 127.0.0.1:27017, not %q", s)
	}
	return s, nil
}

// proxyRanges are Express's names for ranges of addresses.
var proxyRanges = map[string][]string{
	"loopback":    {"127.0.0.0/8", "::1/128"},
	"linklocal":   {"169.254.0.0/16", "fe80::/10"},
	"uniquelocal": {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"},
}

// readProxyTrust accepts what Express's "trust proxy" does: a truth value, a
// number of hops, and addresses as a list or as text with commas.
func readProxyTrust(value any) (any, error) {
	var names []string
	switch v := value.(type) {
	case nil:
		return ProxyTrust{}, nil
	case bool:
		return ProxyTrust{All: v}, nil
	case int64:
		if v < 0 || v > 100 {
			return nil, fmt.Errorf("must be from 0 to 100 proxies, not %d", v)
		}
		return ProxyTrust{Hops: int(v)}, nil
	case string:
		names = splitList(v)
	case []any:
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, errors.New("must be a list of addresses")
			}
			names = append(names, s)
		}
	default:
		return nil, errors.New("must be true or false, a number of proxies, or a list of addresses")
	}
	var trust ProxyTrust
	for _, name := range names {
		ranges, ok := proxyRanges[name]
		if !ok {
			ranges = []string{name}
		}
		for _, r := range ranges {
			p, err := parsePrefix(r)
			if err != nil {
				return nil, fmt.Errorf("must hold addresses, CIDR ranges, loopback, linklocal or uniquelocal, not %q", name)
			}
			trust.Prefixes = append(trust.Prefixes, p)
		}
	}
	return trust, nil
}

// hostPort joins a host and a port for a URL, with the unspecified address
// replaced by the loopback one.
func hostPort(host string, port int) string {
	if addr, err := netip.ParseAddr(host); err == nil && (addr.IsUnspecified() || addr.IsLoopback()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
