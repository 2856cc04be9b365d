/** The server of the study: requests in the name of a volunteer, and their one-sentence errors. */

/** What the server refused, in its own words; status 0 is no answer at all. */
export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function send(path, { token = "", body } = {}) {
  const headers = { ...(token && { "X-Volunteer": token }), ...(body && { "Content-Type": "application/json" }) };
  const options = { method: body ? "POST" : "GET", headers, cache: "no-store", ...(body && { body: JSON.stringify(body) }) };
  const answer = await fetch(`api/${path}`, options).catch(() => {
    throw new Refused(0, "The server does not answer.");
  });
  if (answer.ok) return answer;
  const sentence = await answer.json().then((found) => found.error, () => null);
  throw new Refused(answer.status, sentence ?? `The server answered ${answer.status}.`);
}

/** What is asked, and the consent text. */
export const study = async () => (await send("study")).json();

/** Begin: the token of a new volunteer. */
export const join = async () => (await (await send("volunteers", { body: {} })).json()).token;

/** How many trials are answered, of how many. */
export const progress = async (token) => (await send("progress", { token })).json();

/** Store an answer; it is on the server's disk when this returns. */
export const vote = async (token, answer) => (await send("votes", { token, body: answer })).json();

/** The pictures of a trial, from left to right, decoded: they are on the screen in the next frame. */
export async function pictures(token, kind, place, count) {
  return Promise.all(Array.from({ length: count }, async (_, position) => {
    const blob = await (await send(`${kind}/${place}/${position}`, { token })).blob();
    const image = new Image();
    image.src = URL.createObjectURL(blob);
    await image.decode();
    return image;
  }));
}
