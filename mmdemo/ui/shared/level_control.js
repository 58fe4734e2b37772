// The level control where Python is told of each move.
import { readValue, translator } from "./base.js";
import { makeLevels } from "./levels.js";

export default function control({ element, props, trigger, watch }) {
  const { tab } = props; // a skipped output loses further props
  let own = null, wanted = 1, most = 1;
  const levels = makeLevels(translator(props), (n) => {
    wanted = n;
    props.value = own = JSON.stringify({ value: n, of: most });
    trigger("move", {});
  });
  element.querySelector(".mm-level-control").replaceChildren(levels.node);
  document.addEventListener("mm-levels", ({ detail }) => {
    if (detail.tab === tab) levels.show(wanted, (most = detail.all));
  });

  function receive() {
    const value = readValue(props);
    if (!value || props.value === own) return;
    ({ value: wanted, of: most } = value);
    levels.show(wanted, most);
  }

  watch("value", receive);
  receive();
}
