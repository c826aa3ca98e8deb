// Package delivery is what a server does for messages that it cannot read: it
// keeps KeyPackages, the logs of groups and the inboxes of devices, and hands on
// what is in them.
package delivery
