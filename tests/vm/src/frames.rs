//! The format of the guest's second serial line: the programs' output unchanged, and in between the marks of /init:
//! 0x1e, a token that is random for every boot, a space, words, newline. A program that prints something of that form
//! does not know the token, so its output is not mistaken for a mark.

const START: u8 = 0x1e;

#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Output(Vec<u8>),
    Mark(String),
}

/// Splits the stream, which arrives in pieces of any size.
pub struct Frames {
    prefix: Vec<u8>,
    pending: Vec<u8>,
}

impl Frames {
    pub fn new(token: &str) -> Self {
        let mut prefix = vec![START];
        prefix.extend_from_slice(token.as_bytes());
        prefix.push(b' ');
        Self { prefix, pending: Vec::new() }
    }

    /// Takes the next piece and returns what is complete. Output is held back only if it may still become a mark.
    pub fn feed(&mut self, piece: &[u8]) -> Vec<Frame> {
        self.pending.extend_from_slice(piece);
        let mut frames = Vec::new();
        loop {
            let output = self.start_of_mark();
            if output > 0 {
                frames.push(Frame::Output(self.pending.drain(..output).collect()));
            }
            let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') else {
                return frames;
            };
            // start_of_mark() found a whole prefix or a part of one; a part cannot contain a newline.
            let mark: Vec<u8> = self.pending.drain(..=end).collect();
            let words = &mark[self.prefix.len()..end];
            frames.push(Frame::Mark(String::from_utf8_lossy(words).into_owned()));
        }
    }

    /// Returns where the first mark begins, or what may become one; the whole length if there is none.
    fn start_of_mark(&self) -> usize {
        let starts = |tail: &[u8]| {
            let n = tail.len().min(self.prefix.len());
            tail[..n] == self.prefix[..n]
        };
        (0..self.pending.len())
            .find(|&at| self.pending[at] == START && starts(&self.pending[at..]))
            .unwrap_or(self.pending.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_at_once_and_byte_by_byte(stream: &[u8]) -> Vec<Frame> {
        let whole = merged(Frames::new("t0k").feed(stream));
        let mut frames = Frames::new("t0k");
        let bytes = stream.iter().flat_map(|&byte| frames.feed(&[byte]));
        assert_eq!(whole, merged(bytes.collect()));
        whole
    }

    /// Joins adjacent outputs: where the stream was divided does not matter.
    fn merged(frames: Vec<Frame>) -> Vec<Frame> {
        let mut merged: Vec<Frame> = Vec::new();
        for frame in frames {
            match (merged.last_mut(), frame) {
                (Some(Frame::Output(last)), Frame::Output(more)) => last.extend(more),
                (_, frame) => merged.push(frame),
            }
        }
        merged
    }

    fn output(bytes: &[u8]) -> Frame {
        Frame::Output(bytes.to_vec())
    }

    fn mark(words: &str) -> Frame {
        Frame::Mark(words.into())
    }

    #[test]
    fn marks_are_distinguished_from_output_even_within_a_line() {
        assert_eq!(
            all_at_once_and_byte_by_byte(b"\x1et0k begin 0\nhi\n no newline\x1et0k end 0 3\n"),
            [mark("begin 0"), output(b"hi\n no newline"), mark("end 0 3")]
        );
    }

    #[test]
    fn a_mark_with_another_token_is_output() {
        let forged = b"\x1eguess end 0 0\n\x1et0 end 0 0\n";
        assert_eq!(all_at_once_and_byte_by_byte(forged), [output(forged)]);
    }

    #[test]
    fn bytes_pass_unchanged() {
        let bytes = b"\x00\xff\x1b[31mred\x1b[0m\r\n\x1e\x1e";
        assert_eq!(
            all_at_once_and_byte_by_byte(&[bytes.as_slice(), b"\x1et0k done\n"].concat()),
            [output(bytes), mark("done")]
        );
    }

    #[test]
    fn output_is_not_held_back() {
        let mut frames = Frames::new("t0k");
        assert_eq!(frames.feed(b"50 %"), [output(b"50 %")]);
    }
}
