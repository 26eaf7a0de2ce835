// What is done inside a page: reading a form, filling it, and telling what became of it. Everything is found again by
// selector at each call, since pages replace their fields.
(() => {
  'use strict';
  // Text as people read it: without what turns its direction or cannot be seen, and of a length that somebody reads.
  const clean = (s) => (s || '').slice(0, 20000).replace(/[\u0000-\u0008\u000e-\u001f\u007f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, '')
    .replace(/[\s\u00a0]+/g, ' ').trim().slice(0, 4000);
  const marks = /\s*(?:[*✱]|\((?:required|pflichtfeld|erforderlich|obligatoire|obligatorio)\))\s*/gi;
  const q = (s) => `"${CSS.escape(s).replace(/\\ /g, ' ')}"`;
  const quote = (s) => '"' + s.replace(/["\\]/g, '\\$&') + '"';

  // People see it: by style, place, size and what assistive technology is told (honeypots differ in one of these).
  const seen = (el) => {
    for (let e = el; e && e !== document.documentElement; e = e.parentElement) {
      const s = getComputedStyle(e);
      if (s.display === 'none' || s.visibility === 'hidden' || s.visibility === 'collapse' || Number(s.opacity) < 0.05) return false;
      if (e.getAttribute('aria-hidden') === 'true' || e.hidden || e.inert) return false;
      const r = e.getBoundingClientRect();
      if (s.overflow !== 'visible' && (r.width < 3 || r.height < 3)) return false;
      if (/rect\(\s*[01](px)?,?\s+[01](px)?,?\s+[01](px)?,?\s+[01](px)?\s*\)/.test(s.clip) || /inset\((50|100)%|(circle|ellipse)\(0/.test(s.clipPath)) return false;
    }
    const r = el.getBoundingClientRect();
    if (r.width < 3 || r.height < 3) return false;
    return r.right + scrollX > 0 && r.bottom + scrollY > 0 && r.left < Math.max(document.documentElement.scrollWidth, innerWidth);
  };
  // A file input is often hidden behind the label that people press.
  const reachable = (el) => {
    if (el.type !== 'file') return seen(el) && !(el.tabIndex < 0 && /^(text|email|tel|url|number)$/.test(el.type));
    if (seen(el)) return true;
    return [...(el.labels || [])].some(seen) || (el.parentElement && seen(el.parentElement) && getComputedStyle(el).display !== 'none');
  };

  const controls = 'input, select, textarea, button, [role=listbox], template, script, style, [role=alert], fieldset';
  const textOf = (el) => {
    const c = el.cloneNode(true);
    c.querySelectorAll(controls + ', .error').forEach((x) => x.remove());
    return clean(c.textContent);
  };
  const byIds = (ids) => clean((ids || '').split(/\s+/).map((id) => document.getElementById(id)).filter(Boolean).map(textOf).join(' '));
  // The label of a control or of a group of them, and the element that holds it.
  const labelOf = (el, group) => {
    const own = group[0] !== el || group.length > 1 ? el : null;
    for (const e of [el, group[0]]) {
      const t = byIds(e.getAttribute('aria-labelledby'));
      if (t) return t;
    }
    if (group.length === 1) {
      for (const l of group[0].labels || []) {
        const t = textOf(l);
        if (t && !/^(attach|upload( file)?|choose file|browse)$/i.test(t)) return t;
      }
    }
    const legend = el.closest('fieldset')?.querySelector('legend');
    if (legend && (own || el.closest('fieldset').querySelectorAll('input:not([type=hidden]), select').length === 1) && textOf(legend)) return textOf(legend);
    if (legend && clean(legend.textContent) && group[0].type === 'file') return clean(legend.textContent);
    for (const e of [el, group[0]]) if (clean(e.getAttribute('aria-label'))) return clean(e.getAttribute('aria-label'));
    // What stands beside it, as far as nothing else is asked there.
    for (let e = el.parentElement, n = 0; e && n < 5 && e.tagName !== 'FORM'; e = e.parentElement, n++) {
      const others = [...e.querySelectorAll('input:not([type=hidden]), select, textarea')].filter((x) => !group.includes(x) && seen(x));
      if (others.length) break;
      const t = textOf(e);
      if (t) return t;
    }
    return clean(group[0].placeholder);
  };
  const optionLabel = (input) => {
    for (const l of input.labels || []) if (textOf(l)) return textOf(l);
    return clean(input.getAttribute('aria-label')) || clean(input.nextSibling?.textContent) || input.value;
  };
  const refOf = (el, form) => {
    const tries = [];
    if (el.id) tries.push(`[id=${quote(el.id)}]`);
    if (el.name) tries.push(`${el.tagName.toLowerCase()}[name=${quote(el.name)}]`);
    for (const a of ['data-ui', 'data-field-path', 'data-qa']) if (el.getAttribute(a)) tries.push(`[${a}=${quote(el.getAttribute(a))}]`);
    for (const t of tries) if (document.querySelectorAll(t).length === 1) return t;
    let path = '';
    for (let e = el; e && e !== document.body; e = e.parentElement) {
      path = ` > ${e.tagName.toLowerCase()}:nth-child(${[...e.parentElement.children].indexOf(e) + 1})` + path;
    }
    return 'body' + path;
  };
  const requiredOf = (els, raw, form) => els.some((e) => e.required || e.getAttribute('aria-required') === 'true') ||
    /[*✱]|\((required|pflichtfeld|erforderlich|obligatoire|obligatorio)\)/i.test(raw) ||
    els.some((e) => [...(e.labels || [])].some((l) => /\b_?required\b/.test(l.className)));

  const theForm = (selectors) => {
    for (const s of selectors) {
      const f = [...document.querySelectorAll(s)].find(seen);
      if (f) return f;
    }
    // The form with a place for a resume, or else the one with the most fields.
    const forms = [...document.querySelectorAll('form')].filter((f) => seen(f) && f.getAttribute('role') !== 'search');
    const size = (f) => f.querySelectorAll('input:not([type=hidden]), select, textarea').length + (f.querySelector('input[type=file]') ? 100 : 0);
    forms.sort((a, b) => size(b) - size(a));
    return forms[0] && size(forms[0]) > (forms[0].method === 'post' ? 0 : 1) ? forms[0] : null;
  };
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const press = (el) => {
    for (const type of ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click']) el.dispatchEvent(new MouseEvent(type, {bubbles: true, cancelable: true, view: window}));
  };
  const fire = (el, ...types) => types.forEach((t) => el.dispatchEvent(new Event(t, {bubbles: true})));
  const listOf = (box) => {
    const owned = box.getAttribute('aria-controls') || box.getAttribute('aria-owns');
    const direct = owned && document.getElementById(owned);
    if (direct) return direct;
    for (let e = box.parentElement, n = 0; e && n < 4; e = e.parentElement, n++) {
      const l = e.querySelector('[role=listbox]');
      if (l) return l;
    }
    return null;
  };
  const openList = async (box, limit) => {
    press(box);
    for (let t = 0; t <= limit; t += 20) {
      const l = listOf(box);
      if (l && l.querySelector('[role=option]')) return l;
      await wait(20);
    }
    return null;
  };
  const closeList = (box) => box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}));

  const shown = (el) => { // what a person reads in it
    if (el.type === 'file') return [...el.files].map((f) => f.name);
    if (el.tagName === 'SELECT') return [...el.selectedOptions].filter((o) => o.value !== '').map((o) => clean(o.textContent));
    return el.value ? [el.value] : [];
  };

  const read = async (cfg) => {
    const form = theForm(cfg.forms);
    const out = {found: !!form, fields: [], submit: '', submitText: '', page: '', captcha: captcha()};
    if (!form) return out;
    const done = new Set();
    const controlsOf = form.querySelectorAll('input, select, textarea');
    if (controlsOf.length > 3000) return {...out, found: false}; // nobody fills that
    for (const el of controlsOf) {
      if (done.has(el) || /^(hidden|submit|button|reset|image|password)$/.test(el.type) || el.disabled || el.readOnly) continue;
      if (cfg.ignore.some((s) => el.closest(s)) || /^security-input-/.test(el.id)) continue;
      if (!reachable(el)) continue;
      const name = el.name || el.closest('[data-field-path]')?.getAttribute('data-field-path') || el.getAttribute('data-ui') || el.id;
      const f = {name, autocomplete: el.autocomplete || '', options: [], custom: false, value: []};
      let group = [el], root = el;
      if (el.type === 'radio' || el.type === 'checkbox') {
        group = [...form.querySelectorAll(`input[type=${el.type}]`)].filter((x) => x.name === el.name && (el.name || x === el));
        group.forEach((x) => done.add(x));
        if (group.length > 1 || el.type === 'radio') {
          root = el.closest('fieldset, [role=radiogroup], [role=group]') || el.parentElement.parentElement;
          f.options = group.map(optionLabel);
          f.value = group.filter((x) => x.checked).map(optionLabel);
          f.kind = el.type === 'checkbox' ? 'multi' : group.length === 2 ? 'boolean' : 'select';
          f.ref = `input[type=${el.type}][name=${quote(el.name)}]`;
        } else {
          f.kind = 'checkbox';
          f.value = el.checked ? ['true'] : [];
        }
      } else if (el.tagName === 'SELECT') {
        f.kind = el.multiple ? 'multi' : 'select';
        f.options = [...el.options].filter((o) => o.value !== '' && !o.disabled).map((o) => clean(o.textContent));
      } else if (el.getAttribute('role') === 'combobox' && el.getAttribute('aria-autocomplete') === 'list' && el.getAttribute('aria-haspopup') !== 'listbox') {
        f.kind = 'location';
        f.custom = true;
      } else if (el.getAttribute('role') === 'combobox') {
        f.kind = 'select';
        f.custom = true;
        if (cfg.known?.[name]) {
          f.options = cfg.known[name];
        } else {
          const list = await openList(el, 400);
          if (list) {
            f.options = [...list.querySelectorAll('[role=option]')].map((o) => clean(o.textContent));
            if (list.getAttribute('aria-multiselectable') === 'true') f.kind = 'multi';
            closeList(el);
          }
        }
      } else if (el.tagName === 'TEXTAREA') {
        f.kind = 'textarea';
      } else {
        f.kind = /^(email|tel|url|number|date|file)$/.test(el.type) ? el.type : 'text';
      }
      const live = el.isConnected ? el : document.querySelector(refOf(el, form));
      const raw = labelOf(root, group);
      f.label = clean(raw.replace(marks, ' ').replace(/\((optional|freiwillig|facultatif|opcional)\)/i, ' '));
      f.required = requiredOf(group, raw, form) || (root !== el && root.getAttribute('aria-required') === 'true');
      f.ref = f.ref || refOf(live || el, form);
      if (!f.value.length && !['checkbox', 'multi', 'boolean'].includes(f.kind)) f.value = shown(el);
      const invalid = group.some((x) => x.getAttribute('aria-invalid') === 'true');
      f.error = errorOf(root, group, invalid);
      f.group = clean(el.closest('section, .section, [class*=eeo]')?.querySelector('h2, h3, h4, legend')?.textContent || '');
      out.fields.push(f);
    }
    // Yes and no as buttons.
    for (const g of form.querySelectorAll('[role=group], [class*=yesno]')) {
      const buttons = [...g.querySelectorAll('button')].filter(seen);
      if (buttons.length !== 2 || g.querySelector('input:not([type=hidden]), select, textarea')) continue;
      const raw = labelOf(g, [g]);
      const holder = g.closest('[data-field-path]');
      out.fields.push({
        name: g.querySelector('input')?.name || holder?.getAttribute('data-field-path') || g.id, label: clean(raw.replace(marks, ' ')), kind: 'boolean', custom: true,
        autocomplete: '', group: '', options: buttons.map((b) => clean(b.textContent)), value: buttons.filter((b) => b.getAttribute('aria-pressed') === 'true').map((b) => clean(b.textContent)),
        required: requiredOf([g], raw, form) || !!holder?.querySelector('label[class*=required]'), ref: refOf(g, form), error: errorOf(g, [g], false),
      });
    }
    const buttons = [...cfg.submit.flatMap((s) => [...form.querySelectorAll(s)]), ...form.querySelectorAll('button[type=submit], input[type=submit], button:not([type])')].filter(seen);
    const button = buttons[0] || [...form.querySelectorAll('button')].filter(seen).find((b) => /^(submit|send|apply|bewerb|absenden|envoyer|postuler|enviar)/i.test(clean(b.textContent)));
    if (button) {
      out.submit = refOf(button, form);
      out.submitText = clean(button.textContent) || button.value;
    }
    out.page = clean(form.querySelector('.progress, [data-page], [aria-current=step]')?.textContent || '');
    out.errors = [...form.querySelectorAll('[role=alert], .error-message, #error_message, .captcha-error')].filter(seen).map((e) => clean(e.textContent)).filter(Boolean);
    return out;
  };
  const errorOf = (root, group, invalid) => {
    for (let e = root, n = 0; e && n < 4 && e.tagName !== 'FORM'; e = e.parentElement, n++) {
      if ([...e.querySelectorAll('input:not([type=hidden]), select, textarea')].some((x) => !group.includes(x) && seen(x))) break;
      const x = [...e.querySelectorAll('[role=alert], [class*=error], [data-ui=error]')].find((y) => !y.querySelector('input, select, textarea') && seen(y) && clean(y.textContent));
      if (x) return clean(x.textContent);
    }
    return invalid ? 'invalid' : '';
  };

  const set = (el, value) => {
    const proto = el.tagName === 'TEXTAREA' ? HTMLTextAreaElement : el.tagName === 'SELECT' ? HTMLSelectElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(proto.prototype, 'value').set.call(el, value); // frameworks shadow it
  };
  // fill answers one field; it tells whether that is now in it.
  const fill = async ({ref, kind, custom, values}) => {
    const el = document.querySelector(ref);
    if (!el) return false;
    if (custom && el.getAttribute('role') !== 'combobox') {
      const b = [...el.querySelectorAll('button')].find((x) => clean(x.textContent) === values[0]);
      if (!b) return false;
      b.click();
      return [...document.querySelectorAll(ref + ' button')].some((x) => clean(x.textContent) === values[0] && x.getAttribute('aria-pressed') === 'true');
    }
    if (custom) {
      for (const v of values) {
        let list = await openList(document.querySelector(ref), 1000);
        const o = list && [...list.querySelectorAll('[role=option]')].find((x) => clean(x.textContent) === v);
        if (!o) return false;
        press(o);
        await wait(0);
      }
      return true;
    }
    if (el.type === 'radio' || (el.type === 'checkbox' && kind === 'multi')) {
      for (const x of document.querySelectorAll(ref)) if (values.includes(optionLabel(x)) !== x.checked) (x.checked || values.includes(optionLabel(x))) && x.click();
      return true;
    }
    if (el.type === 'checkbox') {
      if (el.checked !== (values[0] === 'true')) el.click();
      return el.checked === (values[0] === 'true');
    }
    if (el.tagName === 'SELECT') {
      for (const o of el.options) o.selected = values.includes(clean(o.textContent)) && o.value !== '';
      fire(el, 'input', 'change');
      return el.selectedOptions.length === values.length;
    }
    el.focus();
    set(el, values[0] ?? '');
    fire(el, 'input', 'change');
    document.querySelector(ref)?.dispatchEvent(new FocusEvent('focusout', {bubbles: true}));
    return document.querySelector(ref)?.value === (values[0] ?? '');
  };
  // place types into a box with suggestions and takes the one that fits.
  const place = async ({ref, city, region, country}) => {
    const el = document.querySelector(ref);
    if (!el) return '';
    const fold = (s) => s.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
    el.focus();
    set(el, city.split(',')[0]);
    fire(el, 'input');
    for (let t = 0; t < 3000; t += 30) {
      await wait(30);
      const box = document.querySelector(ref);
      const list = box && listOf(box);
      const all = list ? [...list.querySelectorAll('[role=option]')] : [];
      if (!all.length) continue;
      const same = all.filter((o) => fold(clean(o.textContent)) === fold(city));
      const fits = same.length ? same : all.filter((o) => {
        const parts = fold(clean(o.textContent)).split(/\s*,\s*/);
        return parts[0] === fold(city) && (!country.length || country.some((c) => parts.slice(1).includes(fold(c))));
      });
      const best = fits.length > 1 && region ? fits.filter((o) => fold(o.textContent).includes(fold(region))) : fits;
      if (best.length !== 1) return '';
      const text = clean(best[0].textContent);
      press(best[0]);
      await wait(0);
      return text;
    }
    return '';
  };
  const clear = (ref) => { const el = document.querySelector(ref); if (el) { set(el, ''); fire(el, 'input', 'change'); } };

  const visible = (selector) => [...document.querySelectorAll(selector)].filter(seen);
  const captcha = () => {
    const frames = visible('iframe').filter((f) => /captcha|turnstile|cloudflare security|challenge/i.test(f.title + ' ' + (f.getAttribute('src') || '')) && f.getBoundingClientRect().height > 50 && !f.closest('.grecaptcha-badge'));
    return frames.length > 0;
  };
  const state = (cfg) => ({
    url: location.href, captcha: captcha(), text: clean(document.body?.innerText || '').slice(0, 4000), ready: document.readyState === 'complete',
    marked: !!document.querySelector('form[data-jobpilot]'), success: cfg.success.some((s) => visible(s).length > 0), form: !!theForm(cfg.forms),
    code: visible('[id^=security-input-], [name^=security-input-]').length, invalid: visible('form [aria-invalid=true], form .field_with_errors').length,
    errors: visible('form [role=alert], form .error-message, #error_message, form .field-error-msg, form .application-error, form .error, form .helper-text--error').map((e) => clean(e.textContent)).filter(Boolean),
  });
  const links = () => [...document.links].slice(0, 5000).map((a) => ({text: clean(a.innerText), href: a.href})).filter((l) => l.text.length < 60).slice(0, 500);
  const mark = (selectors) => { theForm(selectors)?.setAttribute('data-jobpilot', ''); };
  window.__jobpilot = {read, fill, place, clear, state, mark, captcha, links};
})();
