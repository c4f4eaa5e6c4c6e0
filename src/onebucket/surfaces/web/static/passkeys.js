// Passkeys: a form that is marked with data-passkey asks the authenticator before it is sent. Without scripts it stays hidden.
const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const known = (credentials = []) => credentials.map((each) => ({ ...each, id: bytes(each.id) }));

async function created(options) {
  const user = { ...options.user, id: bytes(options.user.id) };
  const excludeCredentials = known(options.excludeCredentials);
  const publicKey = { ...options, challenge: bytes(options.challenge), user, excludeCredentials };
  const { response, ...credential } = await asked("create", publicKey);
  return {
    ...credential,
    response: { clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject) },
  };
}

async function found(options) {
  const allowCredentials = known(options.allowCredentials);
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials };
  const { response, ...credential } = await asked("get", publicKey);
  return {
    ...credential,
    response: {
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    },
  };
}

async function asked(method, publicKey) {
  const { id, rawId, type, response } = await navigator.credentials[method]({ publicKey });
  return { id, rawId: text(rawId), type, response, clientExtensionResults: {} };
}

export function offer(form) {
  if (!window.PublicKeyCredential) return;
  const answer = form.querySelector("input[data-answer]");
  const trouble = form.querySelector(".error");
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble.hidden = true;
    try {
      const options = JSON.parse(form.dataset.options);
      answer.value = JSON.stringify(await (form.dataset.passkey === "create" ? created(options) : found(options)));
      form.submit();
    } catch {
      trouble.hidden = false;
    }
  });
}
