import { DEMO_USERS } from "@notification-hub/testing";

const { buyer: BUYER, seller: SELLER } = DEMO_USERS;

/** Rows as StockTech's database hands them over: all columns, decimals as text, dates, nulls, and everybody's numbers. */
export const AT = new Date("2026-11-20T09:30:00Z");
const STAMPS = { createdAt: AT, updatedAt: AT };
/** Somebody who has nothing to do with any of it. */
export const STRANGER = "98765432100";

export const ITEMS = [
  {
    productId: 31,
    productName: "Bateria B12",
    quantity: 3,
    price: "150.00",
    sellerId: SELLER.userId,
    sellerName: "Norte Peças",
  },
];

export const ORDER = {
  id: 58,
  accountId: BUYER.accountId,
  ownerCpf: BUYER.userId,
  buyerAccountId: BUYER.accountId,
  sellerAccountId: SELLER.accountId as string | null,
  buyerId: BUYER.userId,
  sellerId: SELLER.userId,
  orderCode: "PED-58",
  parentOrderCode: null,
  status: "pending_payment",
  subtotal: "2450.00",
  freight: "30.90",
  total: "2480.90",
  addressId: 12,
  items: JSON.stringify(ITEMS),
  paymentNotes: null,
  paymentConfirmedAt: null as Date | null,
  paymentConfirmedBy: null as string | null,
  trackingCode: null as string | null,
  trackingCarrier: null,
  notes: null,
  ...STAMPS,
};

export const PRODUCT = {
  id: 31,
  accountId: SELLER.accountId,
  ownerCpf: SELLER.userId,
  createdByUserId: STRANGER,
  code: "B12",
  name: "Bateria B12",
  brand: "Genérica",
  model: "12",
  productType: null,
  category: "Bateria",
  description: null,
  price: "150.00",
  quantity: 4,
  minQuantity: 6,
  condition: "NEW",
  images: "[]",
  warrantyPeriod: "NONE",
  defectiveQuantity: 0,
  ...STAMPS,
};

export const TRANSACTION = {
  id: 77,
  transactionCode: "TR-77",
  type: "sale",
  productId: 31,
  productName: "Bateria B12",
  counterparty: "Loja do Centro",
  counterpartyRole: "buyer",
  amount: "450.00",
  quantity: 3,
  status: "completed",
  date: AT,
};

export const RETURN = {
  id: 14,
  accountId: BUYER.accountId,
  ownerCpf: BUYER.userId,
  buyerId: BUYER.userId,
  sellerId: SELLER.userId,
  orderId: 58,
  productId: 31,
  transactionId: null,
  returnCode: "DEV-14",
  reason: "não segura carga",
  quantity: 2,
  status: "requested",
  sellerDecision: null as string | null,
  sellerNotes: null as string | null,
  approvedAt: null,
  approvedBy: STRANGER,
  completedAt: null,
  rejectedAt: null as Date | null,
  rejectionReason: null as string | null,
  replacementProductId: null,
  validationNotes: null as string | null,
  convertedOrderId: null as number | null,
  reservedQuantity: 0,
  isWithinWarranty: true,
  ...STAMPS,
};

/** The columns of a return that may reach a person, whatever the type. */
export const RETURN_DATA = {
  returnId: 14,
  returnCode: "DEV-14",
  orderId: 58,
  productId: 31,
  quantity: 2,
};
