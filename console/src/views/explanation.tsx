/** What a publish would do. */
import { ProblemBox } from "../failure.js";
import { formatCount, formatMoment } from "../format.js";
import { usePage } from "../page.js";
import { Target } from "../target.js";
import type { Explanation } from "../wire.js";

export function ExplanationBox({ explanation }: { explanation: Explanation }) {
  const { texts, language } = usePage();
  const count = (value: number): string => formatCount(value, language);
  const outlooks = {
    now: texts.outlookNow,
    on_return: texts.outlookOnReturn,
    no: texts.outlookNo,
    unknown: texts.outlookUnknown,
  };
  const { refusal, user } = explanation;
  return (
    <section aria-label={texts.explain}>
      <p class={explanation.accepted ? "box is-good" : "box is-doubtful"}>
        <strong>{explanation.accepted ? texts.wouldAccept : texts.wouldRefuse}</strong> {texts.service}{" "}
        <bdi>{explanation.service}</bdi>
      </p>
      {refusal === undefined ? null : <ProblemBox problem={refusal} texts={texts} />}
      <dl class="tiles">
        <div>
          <dt>{texts.users}</dt>
          <dd>
            <strong>{count(explanation.users)}</strong>
          </dd>
        </div>
        <div>
          <dt>{texts.connections}</dt>
          <dd>
            <strong>{count(explanation.connections.total)}</strong>
          </dd>
        </div>
        {explanation.expires_at === undefined ? null : (
          <div>
            <dt>{texts.expires}</dt>
            <dd>{formatMoment(explanation.expires_at, language)}</dd>
          </div>
        )}
      </dl>
      {user === undefined ? null : (
        <>
          <h2>{outlooks[user.delivery]}</h2>
          <p>{texts.reasons}</p>
          <ul>
            {user.reasons.map((reason) => (
              <li key={reason.code}>
                <code>{reason.code}</code> {reason.detail}
              </li>
            ))}
          </ul>
        </>
      )}
      <h2>
        {texts.targets} ({count(explanation.target_count)})
      </h2>
      <ul>
        {(explanation.targets ?? []).map((target, index) => (
          // Masked ids may be equal.
          <li key={index}>
            <Target target={target} />
          </li>
        ))}
      </ul>
      {explanation.warnings === undefined || explanation.warnings.length === 0 ? null : (
        <>
          <h2>{texts.warnings}</h2>
          <ul>
            {explanation.warnings.map((warning) => (
              <li key={warning.field}>
                <code>{warning.field}</code> {warning.detail}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
