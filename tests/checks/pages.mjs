// The judges of pages that come from npm. node pages.mjs MODULES JUDGE PAGES CHROMIUM, where PAGES is a file with a JSON
// list of {name, url, cookie}; prints a JSON list of {page, text}. A url that ends in #q=x stands for the answer to the
// form with the field q, into which x is written. The cookie is that of the operator's session.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, judge, file, executablePath] = process.argv.slice(2);
const pages = JSON.parse(readFileSync(file, "utf8"));
const load = (path) => import(pathToFileURL(join(modules, path)));
const TRIES = 3; // of Lighthouse, for the speed alone: a busy machine is no fault of a page

const judges = {
  // Light and dark, on a phone and on a desktop; and nothing may be wider than the window.
  async axe() {
    const { chromium } = await load("playwright-core/index.mjs");
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    const findings = [];
    for (const [colorScheme, width] of [["light", 390], ["dark", 1280]]) {
      // Our own policy would keep axe out.
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
      const page = await context.newPage();
      for (const { name, url, cookie } of pages) {
        if (cookie) await context.addCookies([{ name: "digest_operator", value: cookie, url: "http://127.0.0.1/operator" }]);
        const [where, written] = url.split("#");
        await page.goto(where);
        if (written) {
          const [field, what] = written.split("=");
          await page.fill(`[name=${field}]`, what);
          await Promise.all([page.waitForEvent("load"), page.press(`[name=${field}]`, "Enter")]);
        }
        if (new URL(page.url()).pathname !== new URL(where).pathname) throw new Error(`${url} leads to ${page.url()}`);
        await page.evaluate(() => { for (const details of document.querySelectorAll("details")) details.open = true; });
        await page.addScriptTag({ path: join(modules, "axe-core/axe.min.js") });
        const { violations } = await page.evaluate(() => window.axe.run());
        for (const one of violations)
          findings.push({ page: name, text: `${colorScheme}: ${one.id}: ${one.help}; first ${one.nodes[0].html.slice(0, 160)}` });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (wide > 0) findings.push({ page: name, text: `${wide} pixels wider than a window of ${width}` });
      }
      await context.close();
    }
    await browser.close();
    return findings;
  },

  async lighthouse() {
    const { default: lighthouse } = await load("lighthouse/core/index.js");
    const { launch } = await load("chrome-launcher/dist/index.js");
    const chrome = await launch({ chromePath: executablePath, chromeFlags: ["--headless=new", "--no-sandbox"], logLevel: "silent" });
    const findings = [];
    for (const { name, url } of pages) {
      let low;
      for (let tries = 0; tries < TRIES; tries++) {
        const { lhr } = await lighthouse(url, { port: chrome.port, logLevel: "silent", output: "json" });
        low = Object.values(lhr.categories).filter((one) => one.score !== 1);
        low = low.map((one) => ({ one, why: one.auditRefs.filter((ref) => ref.weight && (lhr.audits[ref.id].score ?? 1) < 1).map((ref) => ref.id) }));
        if (!low.length || low.some(({ one }) => one.score !== null && one.id !== "performance")) break;
      }
      for (const { one, why } of low) findings.push({ page: name, text: `${one.id} ${Math.round(one.score * 100)}: ${why.join(", ")}` });
    }
    await chrome.kill();
    return findings;
  },
};

console.log(JSON.stringify(await judges[judge]()));
