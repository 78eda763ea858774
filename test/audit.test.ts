// What CI's audit makes of npm's answers: a high or critical vulnerability and a wrong signature are failures, others
// are told, and what is no answer is none.
import { expect, it } from "vitest";
import { signatures, vulnerabilities } from "../scripts/audit.mjs";

const audit = (counts: object, found: object = {}) => {
  const none = { info: 0, low: 0, moderate: 0, high: 0, critical: 0 };
  return JSON.stringify({ vulnerabilities: found, metadata: { vulnerabilities: { ...none, ...counts } } });
};

it("counts vulnerabilities, and fails for what is high or critical, by name", () => {
  expect(vulnerabilities(audit({ moderate: 2 }))).toEqual({
    line: "vulnerabilities: 0 critical, 0 high, 2 moderate, 0 low",
    isFailure: false,
  });
  const found = { semver: { name: "semver", severity: "high" }, "left-pad": { name: "left-pad", severity: "low" } };
  expect(vulnerabilities(audit({ high: 1, low: 1 }, found))).toEqual({
    line: "vulnerabilities: 0 critical, 1 high, 0 moderate, 1 low semver",
    isFailure: true,
  });
  expect(vulnerabilities(audit({ critical: 1 }))?.isFailure).toBe(true);
});

it("names packages whose signature is wrong", () => {
  expect(signatures('{"invalid":[],"missing":[{"name":"b"}]}')).toEqual({
    line: "wrong signatures: 0",
    isFailure: false,
  });
  const answer = signatures('{"invalid":[{"name":"a"}],"missing":[]}');
  expect(answer).toEqual({ line: "wrong signatures: 1 a", isFailure: true });
});

it.each([
  "",
  "<html>",
  "null",
  '{"message":"405 Method Not Allowed","statusCode":405,"error":{"summary":"","detail":""}}',
  '{"error":{"code":"ENOTFOUND"}}',
])("takes %j for no answer", (printed) => {
  expect(vulnerabilities(printed)).toBeUndefined();
  expect(signatures(printed)).toBeUndefined();
});
