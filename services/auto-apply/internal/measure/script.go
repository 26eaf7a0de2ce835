package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/playwright-community/playwright-go"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/boardtest"
)

// script applies to the same jobs as somebody would who wrote a script for just
// these forms: every selector and answer is known beforehand, nothing is read,
// recorded, or looked at but the end.
type script struct {
	driver  *playwright.Playwright
	browser playwright.Browser
}

func openScript(tb testing.TB) (*script, error) {
	tb.Helper()
	driver, err := playwright.Run(&playwright.RunOptions{DriverDirectory: testkit.Env(tb, "PLAYWRIGHT_DRIVER_DIR"), SkipInstallBrowsers: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	b, err := driver.Chromium.Launch(playwright.BrowserTypeLaunchOptions{
		ExecutablePath: playwright.String(testkit.Env(tb, "CHROMIUM_PATH")), ChromiumSandbox: playwright.Bool(false), Args: []string{"--disable-gpu", "--disable-dev-shm-usage"},
	})
	if err != nil {
		return nil, errors.Join(err, driver.Stop())
	}
	return &script{driver, b}, nil
}

func (s *script) close() {
	_ = s.browser.Close()
	_ = s.driver.Stop()
}

// apply is applications a minute.
func (s *script) apply(jobs []boardtest.Job) (float64, error) {
	began := time.Now()
	var mu sync.Mutex
	done := 0
	err := each(jobs, func(j boardtest.Job) error {
		err := fillByHand(s.browser, j)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			done++
		} else {
			fmt.Printf("   script: %s: %v\n", j.Key, err)
		}
		return nil
	})
	fmt.Printf("   script: %d of %d submitted in %.1f s\n", done, len(jobs), time.Since(began).Seconds())
	return float64(done) / time.Since(began).Minutes(), err
}

func fillByHand(b playwright.Browser, j boardtest.Job) error {
	c, err := b.NewContext()
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDefaultTimeout(8000)
	p, err := c.NewPage()
	if err != nil {
		return err
	}
	if _, err := p.Goto(j.ApplyURL, playwright.PageGotoOptions{WaitUntil: playwright.WaitUntilStateDomcontentloaded}); err != nil {
		return err
	}
	email := "script-" + uuid.NewString()[:8] + "@example.org"
	for _, f := range j.Fields {
		answer, ok := boardtest.Truth(f)
		if f.Meaning == "email" {
			answer, ok = email, true
		}
		at := p.Locator(f.Selector).First()
		switch {
		case f.Meaning == "resume":
			err = at.SetInputFiles([]playwright.InputFile{{Name: "ada.pdf", MimeType: "application/pdf", Buffer: boardtest.PDF}})
		case !ok:
			continue
		case f.Type == "location":
			if err = at.Fill("Berlin"); err == nil {
				err = p.Locator("[role=option]").First().Click()
			}
		case f.Type == "checkbox":
			err = at.Check()
		case len(f.Options) > 0:
			err = chooseByHand(p, at, f, answer)
		default:
			err = at.Fill(answer)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Selector, err)
		}
	}
	submit := map[string]string{"lever": "#btn-submit", "greenhouse": "#submit_app, .application--submit button", "ashby": ".ashby-application-form-submit-button", "workable": "[data-ui=apply-button]"}[j.Platform]
	if submit == "" {
		submit = "form[data-apply] button[type=submit]"
	}
	if err := p.Locator(submit).First().Click(); err != nil {
		return err
	}
	return p.Locator("#application_confirmation, [data-qa=msg-submit-success], .ashby-application-form-success-container, [data-ui=success], .thank-you").First().WaitFor()
}

func chooseByHand(p playwright.Page, at playwright.Locator, f boardtest.Field, answer string) error {
	tag, err := at.Evaluate("e => e.tagName + ' ' + (e.querySelector('[role=combobox]') ? 'box' : e.querySelector('button') ? 'buttons' : '') + (e.getAttribute('role') || '')", nil)
	if err != nil {
		return err
	}
	switch kind, _ := tag.(string); {
	case kind == "SELECT ":
		_, err = at.SelectOption(playwright.SelectOptionValues{Labels: &[]string{answer}})
		return err
	case strings.HasPrefix(kind, "DIV buttons"):
		return at.GetByRole("button", playwright.LocatorGetByRoleOptions{Name: answer, Exact: playwright.Bool(true)}).Click()
	case strings.HasPrefix(kind, "DIV box"):
		if err := at.Locator("[role=combobox]").Click(); err != nil {
			return err
		}
		return at.GetByRole("option", playwright.LocatorGetByRoleOptions{Name: answer, Exact: playwright.Bool(true)}).Click()
	case kind == "INPUT combobox":
		if err := at.Click(); err != nil {
			return err
		}
		return p.GetByRole("option", playwright.PageGetByRoleOptions{Name: answer, Exact: playwright.Bool(true)}).Click()
	}
	if kind, _ := tag.(string); strings.HasPrefix(kind, "INPUT") {
		for _, o := range f.Options {
			if o.Label == answer {
				return p.Locator(f.Selector + `[value="` + o.Value + `"]`).Check()
			}
		}
	}
	return at.GetByLabel(answer, playwright.LocatorGetByLabelOptions{Exact: playwright.Bool(true)}).First().Check()
}
