package httpapi

import (
	"net/http"
	"strings"
)

// setSecurityHeaders sets what every answer carries. Cross-origin isolation
// (COOP and COEP) keeps the page's memory, and so its keys, away from others.
func setSecurityHeaders(h http.Header, host string, tls bool) {
	h.Set("Content-Security-Policy", contentSecurityPolicy(host, tls))
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), "+
		"speaker-selection=(self), clipboard-write=(self), screen-wake-lock=(self), "+
		"publickey-credentials-get=(self), publickey-credentials-create=(self), geolocation=(), payment=(), usb=()")
	if tls {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// contentSecurityPolicy allows the page what the web client needs and nothing
// else. trusted-types names the policies that web/ creates.
func contentSecurityPolicy(host string, tls bool) string {
	connect := "'self'"
	if isHost(host) {
		// Some browsers do not take 'self' to cover the WebSocket of the same host.
		scheme := "ws://"
		if tls {
			scheme = "wss://"
		}
		connect += " " + scheme + host
	}
	return "default-src 'none'; " +
		"script-src 'self' 'wasm-unsafe-eval'; " +
		"worker-src 'self'; " +
		"connect-src " + connect + "; " +
		"img-src 'self' data: blob:; " +
		"media-src 'self' blob:; " +
		"font-src 'self'; " +
		"style-src 'self'; " +
		"manifest-src 'self'; " +
		"require-trusted-types-for 'script'; " +
		"trusted-types conclave svelte-trusted-html; " +
		"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}

// isHost reports whether a Host header has only the characters of a name,
// address and port, so that it may stand in a header of ours.
func isHost(s string) bool {
	const maxHost = 255 + len("[]:65535")
	return s != "" && len(s) <= maxHost && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			r == '.' || r == '-' || r == ':' || r == '[' || r == ']')
	}) < 0
}
