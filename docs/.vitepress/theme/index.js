// VitePress's own theme, in the system's font, with more contrast.
import Theme from "vitepress/theme-without-fonts";
import "./site.css";

export default Theme;
