//! From the compact canonical text to the indented one, without a tree between.

use super::scan::plain_run;

/// What `JSON.stringify(value, null, 2)` prints for the value whose `JSON.stringify(value)` is `compact`.
///
/// `compact` must be such a text; anything else gives some text, without panic.
pub(crate) fn indent(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() + compact.len() / 2);
    indent_into(compact, &mut out);
    out
}

/// As [`indent`], after what is in `out` already.
pub(crate) fn indent_into(compact: &[u8], out: &mut Vec<u8>) {
    // What stands before `copied` is in `out`; runs between line breaks are copied at once.
    let mut copied = 0;
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = compact.get(at) {
        at += 1;
        match byte {
            b'"' => at = string_end(compact, at),
            b'{' | b'[' => {
                if matches!(compact.get(at), Some(b'}' | b']')) {
                    at += 1;
                } else {
                    depth += 1;
                    break_line(out, &compact[copied..at], depth);
                    copied = at;
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                break_line(out, &compact[copied..at - 1], depth);
                copied = at - 1;
            }
            b',' => {
                break_line(out, &compact[copied..at], depth);
                copied = at;
            }
            b':' => {
                out.extend_from_slice(&compact[copied..at]);
                out.push(b' ');
                copied = at;
            }
            _ => {}
        }
    }
    out.extend_from_slice(&compact[copied..]);
}

/// The index after the closing quote of the string whose first character is at `at`.
fn string_end(text: &[u8], mut at: usize) -> usize {
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        at += plain_run(rest);
        match text.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            // A control character, which no such text has.
            Some(_) => at += 1,
            None => break,
        }
    }
    text.len()
}

fn break_line(out: &mut Vec<u8>, run: &[u8], depth: usize) {
    out.extend_from_slice(run);
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}
