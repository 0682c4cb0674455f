// Answers what the JavaScript implementations say. One JSON question a line on stdin, one JSON answer a line on stdout.
//
//   {"text", "state", "hmacKey"}     a message: {"parsed", "classic", "validate", "id"}; classic and validate are null
//                                    when that validator takes the message, else its reason
//   {"json"}                         any text: {"compact", "canonical"} as V8 prints it, null when it is not JSON
//   {"open", "keys"}                 a sealed text: {"plain"}, null when it is not for these keys
//   {"seal", "recipients"}           a content: {"sealed"}

const { createInterface } = require("node:readline");
const ssbKeys = require("ssb-keys");
const classic = require("ssb-classic/format");
const validate = require("ssb-validate");

/** The reason why `check` refuses, by result or by throwing; null when it does not. */
function reason(check) {
  const words = (error) => String(error.message ?? error).slice(0, 200).toWellFormed();
  try {
    const error = check();
    return error ? words(error) : null;
  } catch (error) {
    return words(error);
  }
}

function parse(text) {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}

function message({ text, state, hmacKey }) {
  const parsed = parse(text);
  if (!parsed) return { parsed: false, classic: "not JSON", validate: "not JSON", id: null };
  const { value } = parsed;
  return {
    parsed: true,
    // ssb-classic calls back at once.
    classic: reason(() => {
      let answer;
      classic.validate(value, state, hmacKey, (error) => (answer = error));
      return answer;
    }),
    validate: reason(() => validate.checkInvalid(state, hmacKey, value)),
    id: validate.id(value),
  };
}

function answer(question) {
  if ("text" in question) return message(question);
  if ("json" in question) {
    const parsed = parse(question.json);
    if (!parsed) return { compact: null, canonical: null };
    return { compact: JSON.stringify(parsed.value), canonical: JSON.stringify(parsed.value, null, 2) };
  }
  if ("open" in question) return { plain: ssbKeys.unbox(question.open, question.keys) ?? null };
  if ("seal" in question) return { sealed: ssbKeys.box(question.seal, question.recipients) };
  throw new Error("unknown question");
}

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on("line", (line) => process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n"));
