'use strict';
// `onebucket run` loads this into Node, whose http clients know no proxies: connections to Bitbucket's two names
// are made to the local port that answers in their place. The TLS handshake still names the host, as before.
const net = require('node:net');

const port = Number(process.env.ONEBUCKET_RUN_PORT);
const hosts = new Set(['api.bitbucket.org', 'bitbucket.org']);
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...given) {
  // Node normalizes the arguments of `net.connect` to one array before it calls this.
  const options = Array.isArray(given[0]) ? given[0][0] : given[0];
  if (port && options && typeof options === 'object' && hosts.has(options.host) && Number(options.port) === 443) {
    const local = { ...options, host: '127.0.0.1', port, lookup: undefined, autoSelectFamily: false };
    if (Array.isArray(given[0])) given[0][0] = local;
    else given[0] = local;
  }
  return connect.apply(this, given);
};
