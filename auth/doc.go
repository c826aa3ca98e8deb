// Package auth keeps accounts: how people sign in to a server, the sessions that
// result, and what devices of one account leave for each other there. Begin with
// [New] and the methods of [Service], one for each route of api/account.go.
//
// A session is a right to use the server's routes. It never yields keys: what a
// device may read depends on the signed device list alone, so whoever runs the
// server or an organisation's sign-in can make sessions and gains nothing from them.
package auth
