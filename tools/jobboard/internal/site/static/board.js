// What the pages of the platforms do with scripts. Everything listens on the document, as fields come late and are
// replaced.
(() => {
  'use strict';
  const on = (type, f) => document.addEventListener(type, f, true);
  const fire = (el) => ['input', 'change'].forEach((t) => el.dispatchEvent(new Event(t, {bubbles: true})));
  const form = () => document.querySelector('form[method=post]');

  // Custom selects: the options are in the page only while the list is open.
  const close = (box) => {
    box.querySelector('[role=listbox]')?.remove();
    box.querySelector('input[role=combobox]').setAttribute('aria-expanded', 'false');
  };
  const open = (box, filter = '') => {
    close(box);
    const list = box.querySelector('template').content.firstElementChild.cloneNode(true);
    const chosen = [...box.querySelectorAll('input[type=hidden]')].map((i) => i.value);
    for (const o of list.children) {
      o.hidden = !o.textContent.toLowerCase().includes(filter.toLowerCase());
      o.setAttribute('aria-selected', chosen.includes(o.dataset.value));
    }
    box.append(list);
    box.querySelector('input[role=combobox]').setAttribute('aria-expanded', 'true');
  };
  const choose = (box, option) => {
    const multi = 'multi' in box.dataset;
    const text = box.querySelector('input[role=combobox]');
    const same = [...box.querySelectorAll('input[type=hidden]')].find((i) => i.value === option.dataset.value);
    if (!multi) box.querySelectorAll('input[type=hidden]').forEach((i) => i.remove());
    if (same && multi) {
      same.remove();
    } else {
      box.append(Object.assign(document.createElement('input'), {type: 'hidden', name: box.dataset.combobox, value: option.dataset.value}));
    }
    if (multi) {
      const labels = [...box.querySelector('template').content.querySelectorAll('li')]
        .filter((o) => [...box.querySelectorAll('input[type=hidden]')].some((i) => i.value === o.dataset.value));
      box.querySelector('[data-chosen]').textContent = labels.map((o) => o.textContent).join(', ');
      text.value = '';
    } else {
      text.value = option.textContent;
    }
    close(box);
    text.dispatchEvent(new Event('change', {bubbles: true}));
  };
  on('mousedown', (e) => {
    const option = e.target.closest('[role=option]');
    if (option) e.preventDefault(); // keeps the focus in the box
  });
  on('click', (e) => {
    const box = e.target.closest('[data-combobox]');
    document.querySelectorAll('[data-combobox]').forEach((b) => { if (b !== box) close(b); });
    if (!box) return;
    const option = e.target.closest('[role=option]');
    if (option) return choose(box, option);
    if (e.target.closest('button')) return box.querySelector('[role=listbox]') ? close(box) : open(box);
    open(box);
  });
  on('input', (e) => {
    const box = e.target.closest?.('[data-combobox]');
    if (box && e.isTrusted && e.target.matches('[role=combobox]')) open(box, e.target.value);
  });
  on('keydown', (e) => {
    const box = e.target.closest?.('[data-combobox]');
    if (!box) return;
    if (e.key === 'Escape') close(box);
    if (e.key === 'ArrowDown') open(box);
    if (e.key === 'Enter') {
      e.preventDefault();
      const first = [...box.querySelectorAll('[role=option]')].find((o) => !o.hidden);
      if (first) choose(box, first);
    }
  });
  on('focusout', (e) => { // what was typed and not chosen is gone
    const box = e.target.closest?.('[data-combobox]');
    if (!box || !e.target.matches('[role=combobox]') || 'multi' in box.dataset) return;
    const value = box.querySelector('input[type=hidden]')?.value;
    const chosen = [...box.querySelector('template').content.querySelectorAll('li')].find((o) => o.dataset.value === value);
    e.target.value = chosen ? chosen.textContent : '';
  });

  // Yes and no as buttons.
  on('click', (e) => {
    const button = e.target.closest('[data-yesno] button');
    if (!button) return;
    const group = button.parentElement;
    group.querySelectorAll('button').forEach((b) => b.setAttribute('aria-pressed', b === button));
    const input = group.querySelector('input');
    input.value = button.dataset.value;
    fire(input);
  });

  // Places: suggestions come after a moment; coordinates only with a choice.
  let typing;
  on('input', (e) => {
    const box = e.target.closest?.('[data-place]');
    if (!box || !e.target.matches('[role=combobox]')) return;
    box.querySelectorAll('input[type=hidden]').forEach((i) => { i.value = ''; });
    clearTimeout(typing);
    typing = setTimeout(async () => {
      const found = await (await fetch('/_places?q=' + encodeURIComponent(e.target.value))).json();
      const live = document.querySelector(`[data-place] input[name="${CSS.escape(e.target.name)}"]`)?.closest('[data-place]');
      if (!live) return;
      live.querySelector('[role=listbox]')?.remove();
      const list = document.createElement('ul');
      list.setAttribute('role', 'listbox');
      for (const p of found) {
        const o = document.createElement('li');
        o.setAttribute('role', 'option');
        o.textContent = p.name;
        o.place = p;
        list.append(o);
      }
      if (found.length) live.append(list);
    }, 150);
  });
  on('click', (e) => {
    const option = e.target.closest('[data-place] [role=option]');
    if (!option) return;
    const box = option.closest('[data-place]');
    const p = option.place;
    box.querySelector('[role=combobox]').value = p.name;
    const set = (name, value) => { const i = box.querySelector(`[name=${name}]`); if (i) i.value = value; };
    set('latitude', p.latitude);
    set('longitude', p.longitude);
    set('selectedLocation', JSON.stringify({name: p.name}));
    option.parentElement.remove();
  });

  // Files: names are shown; "enter manually" opens a box; the autofill input is a trap for careless machines.
  on('change', (e) => {
    if (e.target.type !== 'file') return;
    const name = e.target.files[0]?.name ?? '';
    const shown = e.target.closest('[data-field]')?.querySelector('[data-filename]');
    if (shown) shown.textContent = name;
    if ('autofill' in e.target.dataset && name) {
      setTimeout(() => {
        const field = document.querySelector('[name=_systemfield_name]');
        if (field) { field.value = 'Curriculum Vitae'; fire(field); }
      }, 250);
      return;
    }
    setTimeout(() => document.querySelectorAll('[data-field][data-late-kind=resume][hidden]').forEach((f) => { f.hidden = false; }), 300);
  });
  on('click', (e) => {
    const button = e.target.closest('[data-manual]');
    if (!button) return;
    const box = button.closest('[data-field]').querySelector(`textarea[name="${button.dataset.manual}"]`);
    box.hidden = !box.hidden;
  });

  // Fields that come late.
  document.querySelectorAll('template[data-late]').forEach((t) => setTimeout(() => {
    t.content.querySelectorAll('[data-late-kind=resume]').forEach((f) => { f.hidden = true; });
    t.replaceWith(t.content);
  }, 700));

  // Fields are replaced by copies after each change, as frameworks do: handles to the old ones are stale.
  const copy = (field) => {
    const twin = field.cloneNode(true);
    const old = field.querySelectorAll('input, textarea, select');
    twin.querySelectorAll('input, textarea, select').forEach((c, i) => {
      if (old[i].type === 'file') return;
      c.value = old[i].value;
      if ('checked' in old[i]) c.checked = old[i].checked;
    });
    const focused = [...old].indexOf(document.activeElement);
    field.replaceWith(twin);
    if (focused >= 0) twin.querySelectorAll('input, textarea, select')[focused].focus();
  };
  on('change', (e) => {
    if (!e.target.closest?.('form[data-rerender]')) return;
    setTimeout(() => document.querySelectorAll('form[data-rerender] [data-field]').forEach((f) => {
      if (!f.querySelector('input[type=file]') && !f.querySelector('[role=listbox]')) copy(f);
    }), 30);
  });

  // Captchas: the frame tells the page the answer.
  let waiting = null;
  window.addEventListener('message', (e) => {
    const box = document.querySelector('[data-captcha]');
    if (e.origin !== location.origin || !e.data?.captcha || !box) return;
    box.querySelector(`[name="${box.dataset.answer}"]`).value = e.data.captcha;
    document.querySelector('.captcha-overlay')?.remove();
    waiting?.requestSubmit();
    waiting = null;
  });
  const challenge = (f) => { // the invisible kind shows itself only when it doubts
    const box = f.querySelector('[data-captcha=invisible]');
    if (!box || box.querySelector('textarea').value) return false;
    waiting = f;
    const overlay = document.createElement('div');
    overlay.className = 'captcha-overlay';
    overlay.innerHTML = '<iframe title="recaptcha challenge expires in two minutes" width="320" height="150"></iframe>';
    overlay.firstChild.src = box.dataset.frame;
    document.body.append(overlay);
    return true;
  };
  const puzzle = document.getElementById('challenge');
  puzzle?.addEventListener('submit', async (e) => {
    e.preventDefault();
    const answer = await fetch('/_captcha/solve', {method: 'POST',
      body: new URLSearchParams({id: puzzle.dataset.id, word: document.getElementById('captcha-word').value})});
    const said = await answer.json();
    document.getElementById('captcha-state').textContent = said.token ? 'Verified' : said.error;
    if (said.token) return parent.postMessage({captcha: said.token}, location.origin);
    setTimeout(() => location.reload(), 800);
  });

  // Lever's button asks the passive captcha before it submits by the hidden one.
  on('click', async (e) => {
    const button = e.target.closest('form[data-lever] [data-qa=btn-submit]');
    if (!button) return;
    const f = button.form;
    if (challenge(f)) return;
    const answer = f.querySelector('#h-captcha textarea');
    if (answer) answer.value = (await (await fetch('/_captcha/passive')).json()).token;
    f.querySelector('#hcaptchaSubmitBtn').click();
  });

  // Forms of the platforms that never leave their page.
  const send = async (f) => {
    const summary = f.querySelector('[data-summary]');
    const say = (text) => { summary.textContent = text; summary.hidden = !text; };
    say('');
    let answer, text;
    try {
      answer = await fetch(f.action, {method: 'POST', body: new FormData(f)});
      text = await answer.text();
    } catch {
      return say('Something went wrong. Please check your connection.');
    }
    if (answer.redirected) { location.href = answer.url; return; }
    const page = new DOMParser().parseFromString(text, 'text/html');
    const shown = answer.status === 422 && !page.getElementById('email-verification') ? page.querySelector('form[method=post]') : null;
    if (!shown) { document.open(); document.write(text); document.close(); return; }
    say(shown.querySelector('[data-summary]').textContent);
    f.querySelectorAll('[data-error-for]').forEach((slot) => {
      const news = shown.querySelector(`[data-error-for="${CSS.escape(slot.dataset.errorFor)}"]`);
      slot.textContent = news?.textContent ?? '';
      slot.hidden = !slot.textContent;
      slot.closest('[data-field]')?.querySelector('[name], [role=combobox]')?.setAttribute('aria-invalid', !slot.hidden);
    });
  };
  on('submit', (e) => {
    if (e.defaultPrevented || e.target !== form()) return;
    if (!e.target.matches('[data-lever]') && challenge(e.target)) return e.preventDefault();
    if (e.target.matches('[data-fetch]')) {
      e.preventDefault();
      send(e.target);
    }
  });
})();
