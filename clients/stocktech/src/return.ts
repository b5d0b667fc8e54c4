import type { Publish } from "@notification-hub/service";
import type { Said } from "./order.js";
import { hideNumbers, peopleOf } from "./person.js";
import { column, readFlag, readId, readLine, readNumber, readProse, readStatus, type Row } from "./row.js";
import { given, say, sayCount } from "./text.js";

/** The types of notification about a return or an exchange. */
export type ReturnType =
  | "return_requested"
  | "return_responded"
  | "replacement_sent"
  | "defective_received"
  | "exchange_validated"
  | "exchange_resolved";

/** The columns of a return that are read; others are ignored. */
export interface Return {
  id?: unknown;
  returnId?: unknown;
  returnCode?: unknown;
  orderId?: unknown;
  productId?: unknown;
  productName?: unknown;
  quantity?: unknown;
  /** Decides the text: what was accepted, refused, paid, sent back. */
  status?: unknown;
  reason?: unknown;
  /** `replacement` or `refund`. */
  sellerDecision?: unknown;
  sellerNotes?: unknown;
  rejectionReason?: unknown;
  validationNotes?: unknown;
  isWithinWarranty?: unknown;
  replacementProductId?: unknown;
  convertedOrderId?: unknown;
  /** Whose account is whose, where a call names another one. */
  buyerId?: unknown;
  sellerId?: unknown;
  accountId?: unknown;
}

interface Words {
  title: string;
  message: string;
}

/** What each type says of a row: the outcome where its status is known, and nothing of an outcome where it is not. */
const WORDING: Record<ReturnType, (row: Row, status: string) => Words> = {
  return_requested: sayRequested,
  return_responded: sayResponded,
  replacement_sent: sayReplacementSent,
  defective_received: sayDefectiveReceived,
  exchange_validated: sayValidated,
  exchange_resolved: sayResolved,
};

const REFUSED = new Set(["rejected", "rejected_by_vendor", "rejected_by_seller", "refused", "denied"]);
const ACCEPTED = /^(approved|accepted)(_(refund|replacement|exchange))?$/;
/** An unknown status that looks like a refusal or an end: what was decided before may no longer hold. */
const DOUBTFUL =
  /cancel|reject|refus|declin|den(y|ied)|void|abort|withdr|fail|error|invalid|expir|revert|revok|closed|recus|rejeit|negad|nega[cç]|estorn|encerr|^\?$|(^|_)(not|no|un|dis|n[aã]o|sem)/;
const DECISIONS = new Map([
  ["refund", "reembolso"],
  ["replacement", "produto de troca"],
  ["exchange", "produto de troca"],
]);
const EXCHANGE_APPROVED = new Set(["completed_approved", "approved"]);
const EXCHANGE_REFUSED = new Set(["completed_rejected_by_vendor", "completed_rejected", ...REFUSED]);

/** Say what became of a return or an exchange, with the chosen columns of its row. */
export function returnUpdated<T extends ReturnType>(type: T, row: Row): Said<Publish<T>> {
  const words = WORDING[type](row, readStatus(column(row, "status")));
  return { type, ...words, data: { ...common(row), ...particular(type, row) } } as unknown as Said<Publish<T>>;
}

function sayRequested(row: Row): Words {
  const count = readNumber(column(row, "quantity"));
  const units = count === undefined ? "" : ` de ${count === 1 ? "1 unidade" : `${sayCount(count)} unidades`}`;
  const product = say(count === undefined ? " de {}" : " ({})", readLine(column(row, "productName")), "");
  const reason = prose(row, "reason");
  return {
    title: "Devolução Solicitada",
    message: `Um comprador solicitou a devolução${code(row)}${units}${product}.${note("Motivo", reason)}`,
  };
}

function sayResponded(row: Row, status: string): Words {
  const decision = readStatus(column(row, "sellerDecision"));
  const notes = note("Observações do vendedor", prose(row, "sellerNotes"));
  if (REFUSED.has(status)) {
    const reason = note("Motivo", prose(row, "rejectionReason"));
    return { title: "Devolução Recusada", message: `O vendedor recusou a sua devolução${code(row)}.${reason}${notes}` };
  }
  if (status === "" || ACCEPTED.test(status)) {
    const accepted = `O vendedor aceitou a sua devolução${code(row)}`;
    switch (chooseWay(status, decision)) {
      case "refund":
        return { title: "Devolução Aceita: Reembolso", message: `${accepted} e fará o reembolso.${notes}` };
      case "replacement":
        return { title: "Devolução Aceita: Troca", message: `${accepted} e enviará um produto de troca.${notes}` };
      case "unknown":
        if (status !== "") return { title: "Devolução Aceita", message: `${accepted}.${notes}` };
    }
  }
  const decided = DOUBTFUL.test(status) ? undefined : DECISIONS.get(decision);
  const message = `O vendedor respondeu à sua devolução${code(row)}.${say(" Decisão: {}.", decided, "")}${notes}`;
  return { title: "Devolução Respondida", message };
}

/** Return how an accepted return is settled; unknown where status and decision say different things. */
function chooseWay(status: string, decision: string): "refund" | "replacement" | "unknown" {
  const ways = new Set<"refund" | "replacement">();
  if (/refund/.test(status) || decision === "refund") ways.add("refund");
  if (/replacement|exchange/.test(status) || /^(replacement|exchange)$/.test(decision)) ways.add("replacement");
  const [way, other] = ways;
  return way === undefined || other !== undefined ? "unknown" : way;
}

function sayReplacementSent(row: Row, status: string): Words {
  // Only where no column says that the part has arrived.
  const awaited = ["", "replacement_sent", "awaiting_defective", "awaiting_return"].includes(status)
    ? " O produto com defeito ainda está sendo aguardado: não deixe de enviá-lo."
    : "";
  return {
    title: "Produto de Troca Enviado",
    message: `O vendedor enviou o produto de troca da sua devolução${code(row)}.${awaited}`,
  };
}

function sayDefectiveReceived(row: Row, status: string): Words {
  const checking = ["", "defective_received"].includes(status) ? " Agora ele será conferido." : "";
  return {
    title: "Produto com Defeito Recebido",
    message: `O vendedor recebeu o produto com defeito da sua devolução${code(row)}.${checking}`,
  };
}

function sayValidated(row: Row, status: string): Words {
  const notes = prose(row, "validationNotes");
  if (EXCHANGE_APPROVED.has(status)) {
    const message = `O vendedor conferiu o produto: a sua troca${code(row)} foi aprovada.`;
    return { title: "Troca Aprovada", message: message + note("Observações", notes) };
  }
  if (EXCHANGE_REFUSED.has(status)) {
    const message = `O vendedor conferiu o produto: a sua troca${code(row)} foi recusada.`;
    return { title: "Troca Recusada", message: message + note("Motivo", notes) };
  }
  return { title: "Troca Atualizada", message: `Há novidades sobre a sua troca${code(row)}.` };
}

function sayResolved(row: Row, status: string): Words {
  if (status === "converted_to_sale") {
    const message = `O cliente pagou pelo produto da troca${code(row)}, que foi convertida em venda.`;
    return { title: "Troca Convertida em Venda", message };
  }
  if (status === "returned_to_stock") {
    const message = `O produto da troca${code(row)} foi devolvido e voltou ao estoque.`;
    return { title: "Produto Devolvido ao Estoque", message };
  }
  return { title: "Troca Atualizada", message: `Há novidades sobre a troca${code(row)}.` };
}

/** Return the prose of a column without the numbers of people: the other party reads it. */
function prose(row: Row, name: string): string | undefined {
  const text = readProse(column(row, name));
  return text === undefined ? undefined : hideNumbers(text, peopleOf(row));
}

function code(row: Row): string {
  return say(" {}", readLine(column(row, "returnCode")), "");
}

function note(what: string, text: string | undefined): string {
  // Prose may end with a full stop of its own.
  return text === undefined ? "" : ` ${what}: ${text.replace(/[.\s]+$/, "")}.`;
}

function common(row: Row): Record<string, unknown> {
  return given({
    returnId: readId(column(row, "returnId", "id")),
    returnCode: readLine(column(row, "returnCode")),
    orderId: readId(column(row, "orderId")),
    productId: readId(column(row, "productId")),
    productName: readLine(column(row, "productName")),
    quantity: readNumber(column(row, "quantity")),
    status: readLine(column(row, "status")),
  });
}

function particular(type: ReturnType, row: Row): Record<string, unknown> {
  const line = (name: string) => readLine(column(row, name));
  switch (type) {
    case "return_requested":
      return given({ reason: prose(row, "reason"), isWithinWarranty: readFlag(column(row, "isWithinWarranty")) });
    case "return_responded":
      return given({
        sellerDecision: line("sellerDecision"),
        sellerNotes: prose(row, "sellerNotes"),
        rejectionReason: prose(row, "rejectionReason"),
      });
    case "replacement_sent":
      return given({
        replacementProductId: readId(column(row, "replacementProductId")),
        trackingCode: line("trackingCode"),
      });
    case "defective_received":
      return {};
    case "exchange_validated":
      return given({ validationNotes: prose(row, "validationNotes") });
    case "exchange_resolved":
      return given({ convertedOrderId: readId(column(row, "convertedOrderId")) });
  }
}
