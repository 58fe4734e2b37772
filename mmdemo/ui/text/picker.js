// Code picker: draws the JSON in props.value. Triggers 'swap', 'pick' and 'undo'.
const root = element.querySelector('.picker');
let data = null;

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  if (tag === 'button') node.type = 'button';
  return node;
}

function swap(level, code) {
  const wrapped = ((code % data.size) + data.size) % data.size;
  trigger('swap', {position: data.position, level: level, code: wrapped});
}

function headRow() {
  const head = make('div', 'picker-head');
  const go = (step, mark, name) => {
    const button = make('button', 'picker-step', mark);
    button.setAttribute('aria-label', data.labels[name]);
    button.disabled = data.position + step < 0 || data.position + step >= data.total;
    button.onclick = () => trigger('pick', {position: data.position + step});
    return button;
  };
  const title = make('span', 'picker-title');
  title.append(data.labels.position + ' ' + (data.position + 1) + ' ' + data.labels.of + ' ' + data.total + ' ' +
    data.labels.says + ' ');
  const says = make('bdi', 'picker-says', data.says);
  title.append(says, make('code', '', data.raw));
  head.append(go(-1, '‹', 'previous'), go(1, '›', 'next'), title);
  if (data.edited) {
    const undo = make('button', 'picker-text', data.labels.undo);
    undo.onclick = () => trigger('undo', {});
    head.append(undo);
  }
  const close = make('button', 'picker-step picker-close', '×');
  close.setAttribute('aria-label', data.labels.close);
  close.onclick = () => { root.hidden = true; };
  head.append(close);
  return head;
}

function levelRow(level) {
  const {code, options} = data.levels[level];
  const row = make('div', 'picker-row' + (level >= data.active ? ' off' : ''));
  row.style.setProperty('--level', 'var(--mm-level-' + (level % 8) + ')');
  row.append(make('span', 'picker-level', data.labels.level + ' ' + (level + 1) +
    (level >= data.active ? ' ' + data.labels.unused : '')));
  const box = make('span', 'picker-number');
  const number = make('input');
  number.type = 'number'; number.min = 0; number.max = data.size - 1; number.value = code;
  number.setAttribute('aria-label', data.labels.code + ', ' + data.labels.level + ' ' + (level + 1));
  number.onchange = () => { if (number.value !== '') swap(level, Math.round(Number(number.value))); };
  const any = make('button', 'picker-any', data.labels.any);
  any.onclick = () => swap(level, Math.floor(Math.random() * data.size));
  box.append(number, any);
  row.append(box);
  if (options.length) {
    const list = make('span', 'picker-options');
    list.setAttribute('aria-label', data.labels.nearest);
    options.forEach(([other, text]) => {
      const button = make('button');
      button.append(make('bdi', '', text), make('small', '', other));
      button.onclick = () => swap(level, other);
      list.append(button);
    });
    row.append(list);
  }
  return row;
}

function draw() {
  try { data = props.value ? JSON.parse(props.value) : null; } catch (error) { data = null; }
  root.hidden = !data;
  if (!data) { root.replaceChildren(); return; }
  root.replaceChildren(headRow(), ...data.levels.map((_, level) => levelRow(level)));
}

watch('value', draw);
draw();
