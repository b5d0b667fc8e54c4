import { getHub } from "../../hub";

/** Return the hub's figures for the operator's page. A real page asks here whether who asks may see them. */
export async function GET(): Promise<Response> {
  try {
    return Response.json(await getHub().stats(), { headers: { "cache-control": "no-store" } });
  } catch {
    return Response.json({ error: "O hub não respondeu." }, { status: 503 });
  }
}
