// What pages do beyond links and forms: they show news as the feed tells of it, and obey keys. Without this file they
// are whole, but still.
'use strict';

const find = (selector, within = document) => within.querySelector(selector);

// The server writes times in the zone of the browser.
document.cookie = `zone=${-new Date().getTimezoneOffset()}; Path=/; SameSite=Lax; Max-Age=31536000`;

// Distances in time go on while a page is open.
// How far this machine's clock is ahead of the server's.
const AHEAD = Date.now() - (Date.parse(document.body.dataset.now ?? '') || Date.now());
const SPANS = [[86400, 'd'], [3600, 'h'], [60, 'min']];
function tick() {
  for (const time of document.querySelectorAll('time[data-relative]')) {
    const seconds = (Date.now() - AHEAD - Date.parse(time.dateTime)) / 1000, far = Math.abs(seconds);
    if (far >= 7 * 86400) continue;
    const [unit, name] = SPANS.find(([unit]) => far >= unit) ?? [60, 'min'];
    const number = unit === 60 ? Math.min(59, Math.round(far / unit)) : Math.floor(far / unit);
    const span = `${Math.max(1, number)} ${name}`;
    const text = far < 45 ? 'just now' : seconds < 0 ? `in ${span}` : `${span} ago`;
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(tick, 20000);

// News: when the feed tells of something, the parts of the page that show it ask for themselves again. A page that
// nobody sees does not listen; browsers allow few connections to one server.
let source, pending;
function refresh() {
  clearTimeout(pending);
  pending = setTimeout(() => htmx.trigger(document.body, 'feed'), 150);
}
function listen() {
  const url = document.body.dataset.live;
  source?.close();
  if (!url || document.hidden) return;
  // From where the page was written on, so that nothing falls between the page and its news.
  source = new EventSource(`${url}${url.includes('?') ? '&' : '?'}last_event_id=${document.body.dataset.after}`);
  for (const name of document.body.dataset.events?.split(' ') ?? []) source.addEventListener(name, heard);
  // Refused, not interrupted: the session is over. Asking tells, and leads to signing in.
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) refresh(); };
}
function heard(event) {
  refresh();
  const { type, log } = JSON.parse(event.data);
  if (type === 'message_received' && log) find('#heard').textContent = `New message from ${log.from}`;
}
document.addEventListener('visibilitychange', () => {
  listen();
  if (!document.hidden && document.body.dataset.live) refresh();
});
// Before a page is left, or the next one may wait for a connection.
window.addEventListener('pagehide', () => source?.close());

// What is new is at the end: it stays in sight for who was there.
const atEnd = () => window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 120;
const told = (screen) => screen.scrollTop + screen.clientHeight >= screen.scrollHeight - 60;
let wasAtEnd, screenWasAtEnd;
document.addEventListener('htmx:before:swap', (event) => {
  const screen = find('#phone-screen'), status = event.detail.ctx?.response?.status ?? 200;
  [wasAtEnd, screenWasAtEnd] = [atEnd(), !screen || told(screen)];
  // A form's page says what is wrong with it. Any other error is a page of its own, and none of this one's parts.
  if (status < 400 || status === 422) return;
  event.preventDefault();
  complain(status);
});
function complain(status) {
  let line = find('#trouble');
  if (!line) find('#main').prepend(line = Object.assign(document.createElement('p'), { id: 'trouble', className: 'refused' }));
  line.role = 'alert';
  if (status === 404) for (const part of ['#news', '.tools', '#compose']) find(part)?.replaceChildren();
  line.textContent = status === 404 ? 'This is not there any more: it was archived or deleted.'
    : status >= 500 ? 'The server cannot answer just now. What you see may be old; it is asked again.' : `Refused (${status}).`;
  if (status >= 500) setTimeout(refresh, 5000);
}
document.addEventListener('htmx:after:swap', () => {
  find('#trouble')?.remove();
  const screen = find('#phone-screen');
  if (screen && screenWasAtEnd) screen.scrollTop = screen.scrollHeight;
  if (wasAtEnd && find('#thread')) find('#end').scrollIntoView();
});

// Keys
const rows = () => [...document.querySelectorAll('a.row, tbody tr a.open')];
function step(by) {
  const all = rows(), at = all.indexOf(document.activeElement);
  all[Math.min(Math.max(at + by, 0), all.length - 1)]?.focus();
}
const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  '/': () => find('#search')?.focus(),
  r: () => find('#compose-text')?.focus(),
  e: () => archive(),
  '?': () => find('#help')?.showModal(),
};
function archive() {
  const row = document.activeElement?.closest?.('a.row[id^="c-"]');
  if (!document.body.hasAttribute('data-writes')) return;
  if (row) location.href = `/conversations/${row.id.slice(2)}/archive`;
  else find('a#archive')?.click();
}
document.addEventListener('keydown', (event) => {
  // What is being composed is not typed yet.
  if (event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey) {
    const sends = event.key === 'Enter' && !event.altKey && event.target.closest?.('textarea');
    if (sends) event.target.form?.requestSubmit();
    return;
  }
  const typing = event.target.closest?.('input:not([type=checkbox]), textarea, select');
  if (event.key === 'Escape' && !find('dialog[open]')) {
    if (typing) event.target.blur();
    else find('a.back')?.click();
  } else if (!typing && !find('dialog[open]') && KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('[data-copy]');
  if (!button) return;
  navigator.clipboard?.writeText(button.dataset.copy).then(() => { button.textContent = 'Copied'; });
});

// A form is sent once: a second press waits for the answer of the first.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.dataset.sent) event.preventDefault(), event.stopImmediatePropagation();
  else if (form.method === 'post') {
    form.dataset.sent = '1';
    // Or one that got no answer could not be sent again.
    setTimeout(() => delete form.dataset.sent, 5000);
  }
}, true);

find('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
if (['', '#end'].includes(location.hash)) find('#end')?.scrollIntoView();

// What is half typed outlives a session that ends meanwhile.
const draft = find('#compose-text');
if (draft) {
  const key = `draft:${find('.email')?.textContent}:${location.pathname}`;
  if (location.hash === '#compose-text') {
    // It was sent, perhaps into a fresh conversation.
    sessionStorage.removeItem(sessionStorage.getItem('sending') ?? '');
    sessionStorage.removeItem('sending');
  }
  draft.form.addEventListener('submit', () => sessionStorage.setItem('sending', key));
  draft.value ||= sessionStorage.getItem(key) ?? '';
  draft.addEventListener('input', () => sessionStorage.setItem(key, draft.value));
}
document.addEventListener('submit', (event) => { if (event.target.id === 'sign-out') sessionStorage.clear(); });

if (location.hash === '#compose-text') {
  find('#compose-text')?.focus({ preventScroll: true });
  find('#end')?.scrollIntoView();
}
tick();
listen();
