package rest

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/loam-baas/loam/internal/config"
)

// clientAddress is the address that a request comes from, without a zone and
// with IPv4 never mapped into IPv6. X-Forwarded-For counts only as far as the
// peers that wrote it are configured proxies (advisory A28): the walk starts at
// the connection's peer and goes back, hop by hop, until one is not trusted.
// The zero Addr means that it can't be told, which no list of addresses allows.
func clientAddress(r *http.Request, trust *config.ProxyTrust) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := plain(peer.Addr())
	forwarded := r.Header["X-Forwarded-For"]
	if len(forwarded) == 0 {
		return address
	}
	// Several header lines are one list, in their order.
	chain := strings.Join(forwarded, ",")
	for hop := 0; chain != "" && trusted(trust, address, hop); hop++ {
		last := chain
		if i := strings.LastIndexByte(chain, ','); i >= 0 {
			chain, last = chain[:i], chain[i+1:]
		} else {
			chain = ""
		}
		if address, err = netip.ParseAddr(strings.TrimSpace(last)); err != nil {
			return netip.Addr{}
		}
		address = plain(address)
	}
	return address
}

// trusted tells whether the peer that is hop steps away is a configured proxy.
func trusted(trust *config.ProxyTrust, address netip.Addr, hop int) bool {
	return trust.All || hop < trust.Hops || contains(trust.Prefixes, address)
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }
