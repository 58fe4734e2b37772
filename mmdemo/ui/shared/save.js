// Buttons that save the files in props.value: [[label, name, base64], ...].
function drawButtons() {
  const files = props.value ? JSON.parse(props.value) : [];
  element.querySelector(".save").replaceChildren(...files.map(([label, name, data]) => el("button", {
    type: "button",
    onclick: () => saveBlob(new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))]), name),
  }, label)));
}

watch("value", drawButtons);
drawButtons();
