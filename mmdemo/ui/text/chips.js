// Token chips: draws the JSON in props.value; hover shows codes, click or Enter triggers 'pick'.
const PAGE = 360;
const box = element.querySelector('.chips-box');
const pager = element.querySelector('.chips-pager');
const tip = element.querySelector('.chips-tip');
let data = null, page = 0, picked = -1;

const hue = (code) => (code * 137.508) % 360;

function parse() {
  try { return props.value ? JSON.parse(props.value) : null; } catch (error) { return null; }
}

function chipNode(index) {
  const [label, , flags] = data.chips[index];
  const chip = document.createElement('span');
  chip.className = 'chip';
  if (flags & 1) chip.classList.add('joins-left');
  if (flags & 2) chip.classList.add('joins-right');
  if (flags & 8) chip.classList.add('wrong');
  if (flags & 16) chip.classList.add('edited');
  if (index === picked) chip.classList.add('picked');
  chip.dataset.index = index;
  chip.setAttribute('role', 'button');
  chip.tabIndex = index === page * PAGE ? 0 : -1;
  chip.setAttribute('aria-label', describe(index).join(', '));
  chip.style.setProperty('--h', hue(data.codes[0][index]));
  const text = document.createElement('bdi');
  text.textContent = label;
  chip.append(text);
  const bars = document.createElement('i');
  data.codes.forEach((row, level) => {
    const bar = document.createElement('b');
    bar.style.setProperty('--h', hue(row[index]));
    if (level >= data.active) bar.className = 'off';
    bars.append(bar);
  });
  chip.append(bars);
  return chip;
}

function draw() {
  tip.hidden = true;
  box.replaceChildren();
  if (!data) { pager.hidden = true; return; }
  const pages = Math.max(1, Math.ceil(data.chips.length / PAGE));
  page = Math.min(page, pages - 1);
  box.dir = data.dir;
  const end = Math.min(data.chips.length, (page + 1) * PAGE);
  const fragment = document.createDocumentFragment();
  for (let i = page * PAGE; i < end; i++) {
    fragment.append(chipNode(i));
    if (data.chips[i][2] & 4) fragment.append(document.createElement('br'));
  }
  box.append(fragment);
  pager.hidden = pages < 2;
  const [prev, next] = pager.querySelectorAll('button');
  prev.disabled = page === 0; next.disabled = page === pages - 1;
  prev.setAttribute('aria-label', data.labels.earlier); next.setAttribute('aria-label', data.labels.later);
  pager.querySelector('span').textContent =
    (page * PAGE + 1) + '–' + end + ' ' + data.labels.shown + ' ' + data.chips.length;
}

function describe(index) {
  const [, raw, flags, was] = data.chips[index];
  const lines = [data.labels.position + ' ' + (index + 1), data.labels.bytes + ' ' + raw];
  if (flags & 8 && was !== undefined) lines.push(data.labels.was + ' ' + was);
  if (flags & 16) lines.push(data.labels.edited);
  data.codes.forEach((row, level) => {
    const table = data.says[level] || {};
    const says = table[data.codes.slice(0, level + 1).map((codes) => codes[index]).join('.')] || table[row[index]];
    lines.push(data.labels.level + ' ' + (level + 1) + ': ' + row[index] + (says ? '  “' + says + '”' : '')
      + (level >= data.active ? ' ' + data.labels.unused : ''));
  });
  return lines;
}

function showTip(chip) {
  const index = Number(chip.dataset.index);
  const first = data.codes.length;
  const lines = describe(index);
  tip.replaceChildren(...lines.map((line, i) => {
    const row = document.createElement('div');
    const level = i - (lines.length - first);
    if (level >= 0) {
      const dot = document.createElement('b');
      dot.style.setProperty('--h', hue(data.codes[level][index]));
      row.append(dot);
      if (level >= data.active) row.className = 'off';
    }
    const text = document.createElement('bdi');
    text.textContent = line;
    row.append(text);
    return row;
  }));
  tip.hidden = false;
  const frame = element.getBoundingClientRect(), at = chip.getBoundingClientRect();
  const left = Math.min(Math.max(0, at.left - frame.left), Math.max(0, frame.width - tip.offsetWidth));
  tip.style.left = left + 'px';
  tip.style.top = (at.bottom - frame.top + 6) + 'px';
}

function pick(index) {
  if (index < 0 || index >= data.chips.length) return;
  picked = index;
  const wanted = Math.floor(index / PAGE);
  if (wanted !== page) { page = wanted; draw(); }
  box.querySelectorAll('.picked').forEach((chip) => chip.classList.remove('picked'));
  const chip = box.querySelector('[data-index="' + index + '"]');
  if (chip) chip.classList.add('picked');
  trigger('pick', {position: index});
}

box.addEventListener('pointerover', (event) => {
  const chip = event.target.closest('.chip');
  if (chip && event.pointerType !== 'touch') showTip(chip);
});
box.addEventListener('pointerleave', () => { tip.hidden = true; });
box.addEventListener('focusin', (event) => {
  const chip = event.target.closest('.chip');
  if (chip && chip.matches(':focus-visible')) showTip(chip);
});
box.addEventListener('focusout', () => { tip.hidden = true; });
box.addEventListener('click', (event) => {
  const chip = event.target.closest('.chip');
  if (chip) { tip.hidden = true; pick(Number(chip.dataset.index)); }
});
box.addEventListener('keydown', (event) => {
  const chip = event.target.closest('.chip');
  if (!chip) return;
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key] * (box.dir === 'rtl' ? -1 : 1);
  if (step) {
    const next = box.querySelector('[data-index="' + (Number(chip.dataset.index) + step) + '"]');
    if (next) { chip.tabIndex = -1; next.tabIndex = 0; next.focus(); }
    event.preventDefault();
  } else if (event.key === 'Enter' || event.key === ' ') {
    pick(Number(chip.dataset.index));
    event.preventDefault();
  }
});
pager.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  page += button.classList.contains('chips-next') ? 1 : -1;
  draw();
});
watch('value', () => {
  const before = data ? data.chips.length : -1;
  data = parse();
  if (!data || data.chips.length !== before) { page = 0; picked = -1; }
  draw();
});
data = parse();
draw();
trigger('ready', {});
