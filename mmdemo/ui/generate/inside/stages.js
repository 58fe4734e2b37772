// The diagram of the model, stage by stage, in the shapes of a run.

const product = (numbers) => numbers.reduce((a, b) => a * b, 1);
const times = (numbers) => numbers.join(" × ");

// `shapes`: as the server tells them (look.py) -> [{title, text}], `say` the words of the page.
export function stages(shapes, say) {
  const { streams, tokens, width, depth, heads, head_dim: headDim, hidden, styles, conditions } = shapes;
  const rows = streams.map((s) => say("inside_stream_row", {
    name: say(s.name), size: times(s.size), latent: times([s.dim, ...s.shape]), patch: times(s.patches), tokens: s.tokens,
    numbers: s.dim * product(s.patches), width, t: s.t.toFixed(2),
  }));
  const told = (c) => (c.tokens && c.mean?.length
    ? say("inside_condition_row", { ...c, mean: c.mean.map((name) => say(name)).join(", ") }) : `${c.name} (${c.dim})`);
  const values = {
    tokens, width, depth, heads, headDim, hidden, styles, conditions: conditions.map(told).join(", ") || "–",
    weights: (shapes.weights / 1e6).toFixed(1), block: (shapes.block_weights / 1e6).toFixed(2),
    back: streams.map((s) => `${say(s.name)} ${times([s.dim, ...s.shape])}`).join(" · "),
  };
  return ["streams", "tokens", "block", "attention", "head"].map((stage) => ({
    title: say(`inside_${stage}_title`, values),
    text: say(`inside_${stage}_text`, { ...values, rows: rows.join("\n") }),
  }));
}
