// The judges that come from npm. node judge.mjs MODULES JUDGE LETTERS, where LETTERS is a file with a JSON list of
// {name, html, marketing, unsubscribe}; prints a JSON list of {letter, says}, and for caniemail {letter, feature, says}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, judge, file, config] = process.argv.slice(2);
const letters = JSON.parse(readFileSync(file, "utf8"));
const require = createRequire(join(modules, "index.js"));
const load = (path) => import(pathToFileURL(join(modules, path)));

const judges = {
  async "html-validate"() {
    const { HtmlValidate, StaticConfigLoader } = await load("html-validate/dist/esm/index.js");
    const { why, ...chosen } = JSON.parse(readFileSync(config, "utf8"));
    const validator = new HtmlValidate(new StaticConfigLoader({ root: true, ...chosen }));
    const found = [];
    for (const { name, html } of letters) {
      const report = await validator.validateString(html);
      for (const { messages } of report.results)
        for (const one of messages)
          found.push({ letter: name, says: `${one.ruleId}: ${one.message} (line ${one.line})` });
    }
    return found;
  },

  async emailens() {
    const { auditEmail } = await load("@emailens/engine/dist/index.js");
    const found = [];
    for (const { name, html, marketing, unsubscribe } of letters) {
      const spam = marketing
        ? { emailType: "marketing", listUnsubscribeHeader: unsubscribe, listUnsubscribePostHeader: "List-Unsubscribe=One-Click" }
        : { emailType: "transactional" };
      const { compatibility, ...reports } = auditEmail(html, { spam });
      const say = (says) => found.push({ letter: name, says });
      for (const part of ["spam", "accessibility"])
        if (reports[part].score < 95) say(`${part} ${reports[part].score}`);
      for (const [part, { issues }] of Object.entries(reports))
        for (const one of issues)
          if (one.severity === "error" || ["spam", "accessibility"].includes(part))
            if (one.severity !== "info") say(`${part}: ${one.message} ${one.detail ?? ""}`);
      for (const one of compatibility.warnings)
        if (one.severity === "error") say(`${one.client}: ${one.message}`);
    }
    return found;
  },

  async caniemail() {
    // A client on which one of the features was never tested makes the library give up, and "unknown" counts as
    // partly supported. What nobody knows is no finding.
    const data = require("caniemail/caniemail.json");
    const clients = new Set();
    for (const { stats } of data.data)
      for (const [family, platforms] of Object.entries(stats))
        for (const [platform, versions] of Object.entries(platforms)) {
          clients.add(`${family}.${platform}`);
          for (const version of Object.keys(versions)) if (versions[version].startsWith("u")) versions[version] = "y";
        }
    for (const { stats } of data.data)
      for (const client of clients) {
        const [family, platform] = client.split(".");
        (stats[family] ??= {})[platform] ??= { "": "y" };
      }
    const { caniemail } = await load("caniemail/dist/index.js");
    const found = [];
    for (const { name, html } of letters) {
      const lacking = new Map();
      for (const client of clients) {
        const { issues } = caniemail({ clients: [client], html });
        for (const kind of ["errors", "warnings"])
          for (const [, all] of issues[kind])
            for (const { title } of all) lacking.set(title, (lacking.get(title) ?? new Set()).add(client));
      }
      for (const [feature, where] of lacking)
        found.push({ letter: name, feature, says: `${feature}: not, or not wholly, in ${[...where].join(" ")}` });
    }
    return found;
  },

  async axe() {
    // Two of its rules are about whole pages: a letter is an article within the page of a mail program, which has its
    // own main landmark already.
    const { chromium } = await load("playwright-core/index.mjs");
    const browser = await chromium.launch({ executablePath: config, args: ["--no-sandbox"] });
    const found = [];
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ colorScheme, viewport: { width: 700, height: 900 } });
      const page = await context.newPage();
      for (const { name, html } of letters) {
        await page.setContent(html);
        await page.addScriptTag({ path: join(modules, "axe-core/axe.min.js") });
        const { violations } = await page.evaluate(() => window.axe.run({ rules: { "landmark-one-main": { enabled: false }, region: { enabled: false } } }));
        for (const one of violations)
          found.push({
            letter: name,
            says: `${colorScheme}: ${one.id}: ${one.help}; ${one.nodes.length} times, first ${one.nodes[0].html.slice(0, 160)}`,
          });
      }
      await context.close();
    }
    await browser.close();
    return found;
  },
};

console.log(JSON.stringify(await judges[judge]()));
