//! What the person chooses: to stay who they are, or to bring what was written only.

use std::io::{self, BufRead, Write};

/// What is brought over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The key and everything else: the same person here.
    Key,
    /// The messages; the person here is another one. Whether that one follows the old feed.
    History {
        /// Whether to say so in public.
        follow: bool,
    },
}

/// How often a question is asked again.
const PATIENCE: usize = 3;

/// What has to be typed before a key is kept.
const CONFIRMATION: &str = "keep the key";

/// Asks which of the two it is to be. `None`: neither.
///
/// # Errors
/// When the terminal is gone.
pub(crate) fn ask(
    input: &mut impl BufRead,
    out: &mut impl Write,
    can_keep: bool,
    old: Option<&str>,
) -> io::Result<Option<Choice>> {
    if can_keep {
        writeln!(out, "What is to be brought over?")?;
        writeln!(
            out,
            "  key      the key too: you stay the same person, and the old app never runs with this key again"
        )?;
        writeln!(out, "  history  what was written only: you are somebody new here, and the old app may go on")?;
        match answer(input, out, "Type key, history or nothing", &["key", "history"])? {
            Some("key") => return Ok(Some(Choice::Key)),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    let follow = match old {
        Some(old) => {
            answer(input, out, &format!("Follow {old} from here? It says so in public. yes or no"), &["yes", "no"])?
        }
        None => Some("no"),
    };
    Ok(follow.map(|follow| Choice::History { follow: follow == "yes" }))
}

/// Lets the person type that they mean it.
///
/// # Errors
/// When the terminal is gone.
pub(crate) fn confirm(input: &mut impl BufRead, out: &mut impl Write) -> io::Result<bool> {
    let question = format!("Type \"{CONFIRMATION}\" to do so, or nothing");
    Ok(answer(input, out, &question, &[CONFIRMATION])?.is_some())
}

/// One of `answers`; `None` for an empty line, the end, or too many others.
fn answer<'a>(
    input: &mut impl BufRead,
    out: &mut impl Write,
    question: &str,
    answers: &[&'a str],
) -> io::Result<Option<&'a str>> {
    for _ in 0..PATIENCE {
        write!(out, "{question}: ")?;
        out.flush()?;
        let mut line = String::new();
        input.read_line(&mut line)?;
        let line = line.trim();
        if line.is_empty() {
            return Ok(None);
        }
        if let Some(answer) = answers.iter().find(|answer| answer.eq_ignore_ascii_case(line)) {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(typed: &str, can_keep: bool, old: Option<&str>) -> Option<Choice> {
        ask(&mut typed.as_bytes(), &mut io::sink(), can_keep, old).expect("a terminal")
    }

    #[test]
    fn a_person_chooses_by_typing_a_word() {
        assert_eq!(asked("key\n", true, Some("@x")), Some(Choice::Key));
        assert_eq!(asked("what?\nKEY\n", true, Some("@x")), Some(Choice::Key));
        assert_eq!(asked("history\nyes\n", true, Some("@x")), Some(Choice::History { follow: true }));
        assert_eq!(asked("history\nno\n", true, Some("@x")), Some(Choice::History { follow: false }));
        assert_eq!(asked("", false, None), Some(Choice::History { follow: false }));
    }

    #[test]
    fn whoever_does_not_choose_has_chosen_nothing() {
        for typed in ["", "\n", "a\nb\nc\nkey\n", "history\n\n"] {
            assert_eq!(asked(typed, true, Some("@x")), None, "{typed:?}");
        }
        assert_eq!(asked("key\nkey\nkey\nyes\n", false, Some("@x")), None);
    }

    #[test]
    fn a_key_is_kept_only_by_whoever_says_so_in_full() {
        let confirmed = |typed: &str| confirm(&mut typed.as_bytes(), &mut io::sink()).expect("a terminal");
        assert!(confirmed("keep the key\n"));
        assert!(!confirmed("yes\ny\nkey\nkeep the key\n"));
        assert!(!confirmed("\n"));
    }
}
