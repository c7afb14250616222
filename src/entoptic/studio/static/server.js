// What the page asks of the studio beside Gradio's own requests: photos, the history, layers, units.

let visit = "", entered;
export let example = "";   // the name of the example photo
export const ready = new Promise((done) => { entered = done; });

export function enter(hello) {
  visit = hello.visit;
  example = hello.example;
  entered();
}

export const address = (path, more = {}) => `studio/${path}?${new URLSearchParams({ visit, ...more })}`;

export async function ask(path, more = {}, how = {}) {
  await ready;
  let answer;
  try {
    answer = await fetch(address(path, more), how);
  } catch {
    throw new Error("The studio doesn't answer; was its command ended?");
  }
  if (answer.ok && answer.headers.get("content-type").startsWith("image/")) return URL.createObjectURL(await answer.blob());
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text);
  let told = text;
  try { told = JSON.parse(text).error; } catch { /* a text of the server's */ }
  throw new Error(told || `The studio answers ${answer.status}.`);
}

export const send = (path, file, more = {}) => ask(path, { name: file.name, ...more }, { method: "POST", body: file });
export const kept = (name, action) => ask(`history/${encodeURIComponent(name)}/${action}`, {}, { method: "POST" });
