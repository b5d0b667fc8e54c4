export { Toasts } from "./Toasts";
export { TopBar } from "./TopBar";
export { fetchToken } from "./token";
