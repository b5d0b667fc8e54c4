export { Bell } from "./Bell";
export { ConnectionLight } from "./ConnectionLight";
export { Toasts } from "./Toasts";
