//! From the compact canonical text to the indented one, without a tree between.

/// What `JSON.stringify(value, null, 2)` prints for the value whose `JSON.stringify(value)` is `compact`.
///
/// `compact` must be such a text; anything else gives some text, without panic and at most `(2·depth + 2)` times as long.
pub(crate) fn indent(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 3 / 2);
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = compact.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let end = string_end(compact, at);
                out.extend_from_slice(&compact[at - 1..end]);
                at = end;
            }
            b'{' | b'[' => {
                out.push(byte);
                match compact.get(at) {
                    Some(&close @ (b'}' | b']')) => {
                        out.push(close);
                        at += 1;
                    }
                    _ => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(b',');
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => out.push(byte),
        }
    }
    out
}

/// The index after the closing quote of the string whose first character is at `at`.
fn string_end(text: &[u8], mut at: usize) -> usize {
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}
