import { useHubEvent } from "@notification-hub/client/react";
import { useCallback, useEffect, useState } from "react";
import { fetchUserToken, type User } from "./session";

export interface Product {
  id: number;
  name: string;
  price: number;
  stock: number;
  minStock: number;
}

export interface Order {
  id: number;
  code: string;
  productName: string;
  total: number;
  status: "pending" | "paid" | "shipped" | "delivered";
  trackingCode?: string;
}

export interface Shop {
  products: readonly Product[];
  orders: readonly Order[];
  /** Why the last thing did not work, for the page. */
  problem: string | null;
  /** Do something, then look again; resolves to whether it worked. */
  act: (method: string, path: string, body?: object) => Promise<boolean>;
}

/** Return products and orders: fetched once, and again whenever a notification says that something changed. */
export function useShop(user: User): Shop {
  const [shelves, setShelves] = useState<Pick<Shop, "products" | "orders">>({ products: [], orders: [] });
  const [problem, setProblem] = useState<string | null>(null);

  const call = useCallback(
    async (method: string, path: string, body?: object) => {
      const response = await fetch(path, {
        method,
        headers: {
          authorization: `Bearer ${await fetchUserToken(user)}`,
          ...(body && { "content-type": "application/json" }),
        },
        body: body ? JSON.stringify(body) : null,
      });
      const content = response.status === 204 ? null : await response.json();
      if (!response.ok) throw new Error(content?.error ?? "O serviço não respondeu.");
      return content;
    },
    [user],
  );

  const look = useCallback(async () => {
    try {
      setShelves(await call("GET", "/api/shop"));
    } catch {
      setProblem("O serviço do StockTech não respondeu.");
    }
  }, [call]);

  const act = useCallback(
    async (method: string, path: string, body?: object) => {
      try {
        await call(method, path, body);
        setProblem(null);
        await look();
        return true;
      } catch (error) {
        setProblem(error instanceof Error ? error.message : String(error));
        return false;
      }
    },
    [call, look],
  );

  useEffect(() => void look(), [look]);
  useHubEvent("product_added", look);
  useHubEvent("product_deleted", look);
  useHubEvent("order_created", look);
  useHubEvent("order_updated", look);
  useHubEvent("payment_confirmed", look);
  // What this browser missed for good is looked up where it is kept.
  useHubEvent("gap", look);

  return { ...shelves, problem, act };
}
