// Text in the noise panel: the server noises its latents and decodes them at many t, once a text and a seed.

function showNoisyText(box, rows, t) {
  const { text, sure } = rows[Math.round(t * (rows.length - 1))];
  box.replaceChildren(...Array.from(text).map((character, place) => {
    const odd = character === "\uFFFD" ? "\u2592" : character < " " || character === "\x7f" ? "\u00b7" : character;
    const span = make("span", "", odd);
    span.style.opacity = 0.25 + 0.75 * (sure[place] ?? 0);
    return span;
  }));
}

// {kind: "text", text, rows: {process: [{text, sure}]}}
async function noisedText(text) {
  const answer = await server.noise_text({ text, seed: Math.floor(Math.random() * 2 ** 31) });
  if (answer.error) throw new Error(answer.error);
  return { kind: "text", text, rows: answer.rows };
}
