// Calls a server with a client from npm: one JSON line in per call, one JSON line out with what it answered.
// Arguments: the client, the server's address with /2.0, a username, a password.
import { createRequire } from "node:module"
import { createInterface } from "node:readline"
import { pathToFileURL } from "node:url"

const [client, baseUrl, username, password] = process.argv.slice(2)
// Packages are installed in the folder that this is started in.
const require = createRequire(`${process.cwd()}/`)

/** The methods of `bitbucket`, each with its HTTP method and path, by name such as `repositories.get`. */
function methodsOf(api) {
	const found = {}
	for (const [space, methods] of Object.entries(api)) {
		for (const [name, method] of Object.entries(methods ?? {})) {
			if (method?.endpoint) found[`${space}.${name}`] = method
		}
	}
	return found
}

function bitbucket() {
	const { Bitbucket } = require("bitbucket")
	const methods = methodsOf(new Bitbucket({ baseUrl, auth: { username, password }, notice: false }))
	return async ({ name, path, query, body }) => {
		if (!name) {
			const addresses = Object.entries(methods).map(([each, { endpoint }]) => [each, endpoint.DEFAULTS])
			return Object.fromEntries(addresses.map(([each, { method, url }]) => [each, `${method} ${url}`]))
		}
		try {
			const { status, data } = await methods[name]({ ...path, ...query, ...(body && { _body: body }) })
			return { status, data }
		} catch (error) {
			if (error.name !== "HTTPError") throw error
			return { status: error.status, data: error.error }
		}
	}
}

async function coderabbit() {
	const where = pathToFileURL(require.resolve("@coderabbitai/bitbucket/cloud"))
	const { createBitbucketCloudClient } = await import(where)
	const basic = Buffer.from(`${username}:${password}`).toString("base64")
	const headers = { Accept: "application/json", Authorization: `Basic ${basic}` }
	const api = createBitbucketCloudClient({ baseUrl, headers })
	return async ({ method, address, path, query, body }) => {
		const { data, error, response } = await api[method](address, { params: { path, query }, ...(body && { body }) })
		return { status: response.status, data: data ?? error ?? null }
	}
}

const call = await (client === "bitbucket" ? bitbucket() : coderabbit())
for await (const line of createInterface({ input: process.stdin })) {
	console.log(JSON.stringify(await call(JSON.parse(line))))
}
