package ai

import (
	"regexp"
	"strings"
	"unicode"
)

// instruction finds passages that speak to a machine rather than to a reader. It
// is not what keeps an answer honest (the checks of every answer do that); it
// keeps such passages from being quoted and from providers.
var instruction = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`\b(ignore|disregard|forget|override|bypass|discard)\b.{0,40}\b(previous|prior|above|earlier|all|any|your|the|these|those|safety)\b.{0,40}\b(instruction|prompt|rule|guideline|direction|message|command|context|polic|restriction|check)`,
	`\b(ignoriere|vergiss|missachte|überschreibe|umgehe)\b.{0,60}\b(anweisung|anweisungen|regel|regeln|vorgabe|vorgaben|vorherige|vorherigen|bisherige|bisherigen|prompt|obige|obigen)`,
	`\b(ignore|oublie|ignora|olvida)[rz]?\b.{0,40}\b(les|las|toutes|todas|instruc)`,
	`\b(system|developer|assistant|hidden|initial)\s*(prompt|message|instruction)s?\b`,
	`\b(reveal|print|repeat|output|show|leak|quote|display)\b.{0,40}\b(your|the|above|system|full|initial)\b.{0,30}\b(prompt|instruction|rule|configuration|guideline)s?`,
	`\byou are (now|no longer|actually|going to)\b`, `\bdu bist (jetzt|nun|ab sofort)\b`, `\bpretend (to be|you are|that)\b`, `\bact as (a|an|if|the)\b.{0,40}\b(ai|assistant|model|admin|root|recruiter|dan)\b`,
	`\bas an? (ai|large|language)( language)? (model|assistant)\b`, `\b(chatgpt|claude|gpt-?\d|llm|language model|ai (system|model|assistant|agent|screening|recruiter|reviewer|parser|tool)s?)\b.{0,60}\b(must|should|please|rate|score|rank|recommend|always|instruction|reading this)`,
	`\b(if you are|to any|attention|note to|message for|hey|dear)\b.{0,20}\b(ai|llm|chatgpt|gpt|bot|language model|machine|assistant)\b`,
	`\b(rate|score|rank|mark|classify|label)\b.{0,40}\b(this|the|me|my)\b.{0,30}\b(candidate|resume|applicant|application|cv|job|posting)\b.{0,50}\b(highest|perfect|10|100|top|best|first|as|strong|excellent|ideal)`,
	`\b(respond|reply|answer|output|return|write|say|begin|start|end)\b.{0,25}\b(only|exactly|with|the word|verbatim|nothing but)\b.{0,40}(["'“‘«:]|\bjson\b|\byes\b|\bhired\b)`,
	`\b(include|insert|add|append|mention|embed|put|use)\b.{0,40}\b(the )?(word|phrase|sentence|text|string|link|url|code ?word|following)\b.{0,60}\b(cover letter|letter|answer|response|output|reply|resume|application)`,
	`<\|?/?(im_start|im_end|system|assistant|user|endoftext|inst)\b`, `\[/?(inst|system|sys)\]`, `<<\s*sys\s*>>`, `(?m)^\s*#{0,3}\s*(system|assistant|human|user)\s*:`,
	`\b(begin|end|new) (of )?(new )?(system )?(instructions?|prompt|untrusted|document)\b`, `\b(jailbreak|dan mode|developer mode|prompt injection)\b`,
	`\b(antworte|schreibe|gib|bewerte)\b.{0,40}\b(nur mit|ausschließlich|genau|diesen lebenslauf|diesen bewerber|diesen kandidaten|höchste|bestnote)`,
	`\b(execute|run|eval|call)\b.{0,30}\b(the following|this)\b.{0,20}\b(code|command|script|tool|function)`,
	`\b(tool_?call|function_?call|tool_use)\b`,
}, "|"))

// instructs tells a passage that speaks to a machine. Marks that nobody sees and
// letters of other scripts that look like Latin ones are seen through.
func instructs(text string) bool {
	return instruction.MatchString(visible(text))
}

// visible is a text as a reader sees it: without format characters (zero-width,
// directional, tags), with white space as spaces, look-alikes as Latin letters.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if latin, ok := lookalike[r]; ok {
			return latin
		}
		switch {
		case r == '\n':
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r), r >= 0xE0000 && r <= 0xE007F, unicode.Is(unicode.Mn, r), unicode.IsControl(r):
			return -1
		case r >= 0xFF01 && r <= 0xFF5E: // full width
			return r - 0xFEE0
		}
		return r
	}, text)
}

var lookalike = map[rune]rune{
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'у': 'y', 'х': 'x', 'і': 'i', 'ј': 'j', 'ѕ': 's', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w', 'һ': 'h', 'ӏ': 'l',
	'А': 'A', 'В': 'B', 'Е': 'E', 'К': 'K', 'М': 'M', 'Н': 'H', 'О': 'O', 'Р': 'P', 'С': 'C', 'Т': 'T', 'Х': 'X', 'І': 'I', 'Ѕ': 'S',
	'α': 'a', 'ο': 'o', 'ν': 'v', 'ρ': 'p', 'τ': 't', 'ι': 'i', 'κ': 'k', 'Α': 'A', 'Β': 'B', 'Ε': 'E', 'Ι': 'I', 'Ο': 'O', 'Ρ': 'P', 'Τ': 'T',
}

// safePassages drops passages that speak to a machine and tells whether there
// were any.
func safePassages(list []passage) (kept []passage, dropped int) {
	for _, p := range list {
		if instructs(p.text) {
			dropped++
			continue
		}
		kept = append(kept, p)
	}
	return kept, dropped
}
