// The judges that come from npm. node judge.mjs MODULES JUDGE EMAILS, where EMAILS is a file with a JSON list of
// {name, html, marketing, unsubscribe}; prints a JSON list of {email, text}, and for caniemail {email, feature, text}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, judge, file, config] = process.argv.slice(2);
const emails = JSON.parse(readFileSync(file, "utf8"));
const require = createRequire(join(modules, "index.js"));
const load = (path) => import(pathToFileURL(join(modules, path)));

const judges = {
  async "html-validate"() {
    const { HtmlValidate, StaticConfigLoader } = await load("html-validate/dist/esm/index.js");
    const { why, ...chosen } = JSON.parse(readFileSync(config, "utf8"));
    const validator = new HtmlValidate(new StaticConfigLoader({ root: true, ...chosen }));
    const findings = [];
    for (const { name, html } of emails) {
      const report = await validator.validateString(html);
      for (const { messages } of report.results)
        for (const one of messages)
          findings.push({ email: name, text: `${one.ruleId}: ${one.message} (line ${one.line})` });
    }
    return findings;
  },

  async emailens() {
    const { auditEmail } = await load("@emailens/engine/dist/index.js");
    const findings = [];
    for (const { name, html, marketing, unsubscribe } of emails) {
      const spam = marketing
        ? { emailType: "marketing", listUnsubscribeHeader: unsubscribe, listUnsubscribePostHeader: "List-Unsubscribe=One-Click" }
        : { emailType: "transactional" };
      const { compatibility, ...reports } = auditEmail(html, { spam });
      const add = (text) => findings.push({ email: name, text });
      // It takes 2 points for each empty alt text. Pictures have one on purpose: they decorate, and say nothing more.
      const decorative = reports.accessibility.issues.filter((one) => one.message.startsWith("Image has empty alt"));
      const scores = { spam: reports.spam.score, accessibility: reports.accessibility.score + 2 * decorative.length };
      for (const [part, score] of Object.entries(scores)) if (score < 95) add(`${part} ${score}`);
      for (const [part, { issues }] of Object.entries(reports))
        for (const one of issues)
          if (one.severity === "error" || ["spam", "accessibility"].includes(part))
            if (one.severity !== "info") add(`${part}: ${one.message} ${one.detail ?? ""}`);
      for (const one of compatibility.warnings)
        if (one.severity === "error") add(`${one.client}: ${one.message}`);
    }
    return findings;
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
    const findings = [];
    for (const { name, html } of emails) {
      const lacking = new Map();
      for (const client of clients) {
        const { issues } = caniemail({ clients: [client], html });
        for (const kind of ["errors", "warnings"])
          for (const [, all] of issues[kind])
            for (const { title } of all) lacking.set(title, (lacking.get(title) ?? new Set()).add(client));
      }
      for (const [feature, where] of lacking)
        findings.push({ email: name, feature, text: `${feature}: not, or not wholly, in ${[...where].join(" ")}` });
    }
    return findings;
  },

  async axe() {
    // Two of its rules are about whole pages: an e-mail is an article within the page of a mail program, which has its
    // own main landmark already.
    const { chromium } = await load("playwright-core/index.mjs");
    const browser = await chromium.launch({ executablePath: config, args: ["--no-sandbox"] });
    const findings = [];
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ colorScheme, viewport: { width: 700, height: 900 } });
      const page = await context.newPage();
      for (const { name, html } of emails) {
        await page.setContent(html);
        await page.addScriptTag({ path: join(modules, "axe-core/axe.min.js") });
        const { violations } = await page.evaluate(() => window.axe.run({ rules: { "landmark-one-main": { enabled: false }, region: { enabled: false } } }));
        for (const one of violations)
          findings.push({
            email: name,
            text: `${colorScheme}: ${one.id}: ${one.help}; ${one.nodes.length} times, first ${one.nodes[0].html.slice(0, 160)}`,
          });
      }
      await context.close();
    }
    await browser.close();
    return findings;
  },
};

console.log(JSON.stringify(await judges[judge]()));
